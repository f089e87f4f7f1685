"""Measures the models that ship as their cards tell it: on vtest.avi, by `edgeagent models eval`.

scripts/bench shipped [--write]     (EDGEAGENT_TESTDATA has footage/, see scripts/bench vtest)

The detector is held to the boxes of another detector, the vector model to those boxes joined into
persons: it is asked which crops are of one person, however long they are apart.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from edgeagent.cli import main as edgeagent
from edgeagent.model import bundles_folder
from scripts.benches.vtest import chains, footage_folder, reference

WIDTH_PX, HEIGHT_PX, FRAMES = 768, 576, 795

HOW = {
    "coco16-320": ("--every", "8", "--slice", "size"),
    "embed88-128": ("--every", "5", "--slice", "size", "--identity"),
}


def persons(reference_file: Path) -> Iterator[str]:
    """Yield MOT's rows ``frame,id,left,top,width,height`` of the persons in the reference."""
    there = chains(reference(reference_file, WIDTH_PX, HEIGHT_PX), FRAMES - 1)
    rows = [(frame + 1, number, box) for number, one in enumerate(there, 1) for frame, box in one]
    for frame, number, box in sorted(rows, key=lambda row: row[:2]):
        left, top = box.left * WIDTH_PX, box.top * HEIGHT_PX
        width, height = box.right * WIDTH_PX - left, box.bottom * HEIGHT_PX - top
        yield f"{frame},{number},{left:.2f},{top:.2f},{width:.2f},{height:.2f}"


def main() -> int:
    """Print both tables; with ``--write`` both bundles take them in."""
    parser = argparse.ArgumentParser(description="What the cards of the models that ship say.")
    parser.add_argument("--write", action="store_true", help="into the bundles of this checkout")
    options, footage = parser.parse_args(), footage_folder()
    statuses = []
    with TemporaryDirectory() as name:
        work = Path(name)
        boxes, named = footage / "PETS09_det_frcnn.txt", work / "persons.txt"
        named.write_text("\n".join(persons(boxes)) + "\n")
        for model, known in (("coco16-320", boxes), ("embed88-128", named)):
            report = work / f"{model}.json"
            words = ["models", "eval", model, str(footage / "vtest.avi"), "--csv", str(known)]
            statuses.append(edgeagent([*words, *HOW[model], "--report", str(report)]))
            if options.write:
                statuses.append(take_in(model, report))
    return max(statuses)


def take_in(model: str, report: Path) -> int:
    """Put the report into the bundle of this checkout."""
    bundle = bundles_folder() / model
    return edgeagent(["models", "card", str(bundle), "--evaluation", str(report)])


if __name__ == "__main__":
    sys.exit(main())
