"""scripts/bench detector: what eight bits cost the detector, at each size that has a recipe.

Each recipe is made from the package it names, in floats and in eight bits, and both look at the
same pictures on the device's own path: vtest.avi from frame 400 on, the same in a third of the
light with a sensor's noise, the same in a quarter of its contrast, and stills that nothing was
calibrated by. A box of float's (score .4) is kept where eight bits have one of the same class that
overlaps by half, at .3 or more; an odd one is of .4 with none of float's at .3. AP50 is of persons
against PETS09_det_frcnn.txt. Needs .venv-train, and EDGEAGENT_TESTDATA.
"""

import argparse
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from edgeagent.adding.anatomy import examine
from edgeagent.cli.models_build import cache_folder
from edgeagent.decode.boxes import iou
from edgeagent.engines import Engine, open_engine
from edgeagent.errors import DownloadError
from edgeagent.findings import Detection
from edgeagent.frame import Picture
from edgeagent.model import ModelFile, bundles_folder, find_bundle
from edgeagent.workshop.build import cook
from edgeagent.workshop.quantise import saved, to_tflite
from edgeagent.workshop.recipe import Recipe, edited, fetch, read_package, read_recipe
from scripts.benches.lightings import LIGHTINGS, clip, stills
from scripts.benches.vtest import Times, corners, footage_folder, judge, reference
from scripts.benches.vtest import whole_frame as look

RECIPES = ("coco16-256", "coco16-320")

SURE, NEAR = 0.4, 0.3
BARS: Mapping[str, float | None] = {
    "vtest": 0.97,
    "dark": 0.90,
    "low contrast": None,
    "stills": 1.0,
}
"""Least share of float's boxes; None: told, and nothing is asked."""

Found = Sequence[Detection]


@dataclass
class Kept:
    """How much of what float finds is found in eight bits, and what is found beside it."""

    wanted: int = 0
    kept: int = 0
    said: int = 0
    odd: int = 0

    def add(self, floating: Found, bits: Found) -> None:
        """Count one picture's."""
        self.wanted += sum(one.score >= SURE for one in floating)
        self.kept += _there(floating, bits)
        said = sum(one.score >= SURE for one in bits)
        self.said += said
        self.odd += said - _there(bits, floating)

    @property
    def share(self) -> float:
        """Of float's boxes."""
        return self.kept / max(1, self.wanted)


def _there(ours: Found, theirs: Found) -> int:
    """Return how many of ``ours`` that are sure ``theirs`` have nearly as surely."""
    sure = [one for one in ours if one.score >= SURE]
    near = [one for one in theirs if one.score >= NEAR]
    overlap = iou(corners(sure), corners(near)) >= 0.5
    names = np.array([one.name for one in sure])[:, None] == np.array([o.name for o in near])
    return int((overlap & names.reshape(overlap.shape)).any(axis=1).sum()) if overlap.size else 0


def opened(model: bytes, folder: Path, name: str) -> Engine:
    """Open a file that is no bundle as the bundled detector."""
    path = folder / f"{name}.tflite"
    path.write_bytes(model)
    anatomy, base = examine(path), find_bundle("coco16-320", [bundles_folder()])
    outputs = {("box", "heat")[p.spec.shape[3] != 4]: p.spec for p in anatomy.outputs}
    file = ModelFile(path, len(model), anatomy.sha256, anatomy.inputs[0].spec, outputs)
    return open_engine(replace(base, name=name, files={"cpu": file}))


def made(recipe: Recipe, package: Path) -> tuple[bytes, bytes]:
    """Make a recipe's model in floats, as it was published, and in eight bits."""
    graph = edited(read_package(recipe, package), recipe)
    side = recipe.side_px
    with saved(graph, recipe.taken, recipe.given, [1, side, side, 3]) as folder:
        floating = to_tflite(folder, "float")
    return floating, cook(recipe, package, tell, modes=("int8",)).model


def tell(words: str) -> None:
    """Say what is under way."""
    print(f"  {words}", file=sys.stderr)


def row(name: str, root: Path, package: Path | None) -> dict[str, Any]:
    """Make both models of a recipe and return all there is to say of them."""
    recipe = read_recipe(name)
    floating, bits = made(recipe, package or fetch(recipe, cache_folder()))
    digest = hashlib.sha256(bits).hexdigest()
    with tempfile.TemporaryDirectory() as folder:
        engines = [opened(one, Path(folder), n) for one, n in ((floating, "float"), (bits, "int8"))]
        told = {"name": name, "bytes": len(bits), "float_bytes": len(floating), "sha256": digest}
        told |= _on_the_clip(root / "footage", engines) | {"stills": _kept(stills(root), engines)}
        for engine in engines:
            engine.close()
    return told


def _on_the_clip(footage: Path, engines: Sequence[Engine]) -> dict[str, Any]:
    truth = reference(footage / "PETS09_det_frcnn.txt", 768, 576)
    times, told = [Times(), Times()], dict[str, Any]()
    for what, lighting in LIGHTINGS.items():
        found: list[dict[int, list[Detection]]] = [{}, {}]
        for number, picture in clip(footage, lighting):
            for place, engine in enumerate(engines):
                found[place][number] = look(engine, picture, times[place])
        told[what] = _counted(zip(*(one.values() for one in found), strict=True))
        told[what]["ap50"] = [round(judge(one, truth, "person").ap50(), 3) for one in found]
    # The least: other work on the machine only adds.
    told["ms"] = [round(min(one.stages["invoke_ms"]), 1) for one in times]
    return told


def _kept(shown: Iterator[tuple[int, Picture]], engines: Sequence[Engine]) -> dict[str, Any]:
    return _counted(
        tuple(look(engine, picture, Times()) for engine in engines) for _, picture in shown
    )


def _counted(pairs: Any) -> dict[str, Any]:  # noqa: ANN401
    kept = Kept()
    for floating, bits in pairs:
        kept.add(floating, bits)
    return {
        "float": kept.wanted,
        "kept": kept.kept,
        "share": round(kept.share, 3),
        "odd": kept.odd,
    }


def lines(told: Mapping[str, Any]) -> Iterator[str]:
    """Return the table of one recipe."""
    yield (
        f"{told['name']}: {told['bytes']:,} bytes ({told['float_bytes']:,} in floats), "
        f"{told['ms'][1]} ms ({told['ms'][0]}), sha256 {told['sha256'][:16]}"
    )
    for what, bar in BARS.items():
        one = told[what]
        ap50 = "AP50 {1:.3f}, float's {0:.3f}".format(*one["ap50"]) if "ap50" in one else ""
        verdict = "no bar" if bar is None else f"bar {bar:.2f}, " + _verdict(one["share"], bar)
        yield (
            f"  {what:14}{one['kept']:>5} of {one['float']:>4} boxes  {one['share']:.3f} "
            f"({verdict:16}) {one['odd']:>3} odd  {ap50}"
        )


def _verdict(share: float, bar: float) -> str:
    return "passed" if share >= bar else "MISSED"


def main() -> int:
    """Print a table for each recipe; status 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--only", action="append", metavar="RECIPE", help="or a recipe's .toml")
    parser.add_argument("--package", type=Path, metavar="FILE", help="fetched before")
    options = parser.parse_args()
    root, missed = footage_folder().parent, False
    for name in options.only or RECIPES:
        try:
            told = row(name, root, options.package)
        except DownloadError as error:
            print(f"{name}: left out: {error}", file=sys.stderr)
            continue
        print(json.dumps(told) if options.json else "\n".join(lines(told)), flush=True)
        missed |= any(told[what]["share"] < (bar or 0) for what, bar in BARS.items())
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
