"""How well and how dearly the motion gate sees, beside OpenCV's MOG2 and a copy of the plane.

All three get the same planes of a clip with exact truth, frame by frame, in turns, so that their
times are of one machine in one minute: compare them, do not quote them.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from edgeagent.config import MotionConfig
from edgeagent.frame import BT601, Frame, Picture
from edgeagent.motion import MotionGate
from scripts.benches.clips import clip
from scripts.benches.footage import HEIGHT_PX, WIDTH_PX, Luma, luma_of, missing
from scripts.benches.scenes import FPS, NUISANCES
from scripts.benches.scoring import Region, Tally, score, total

CACHE = Path(__file__).resolve().parents[2] / ".bench"
DEFAULT_SEED = 100


class Gate:
    """The gate of edgeagent at its default settings, but for the sensitivity."""

    name = "edgeagent"

    def __init__(self, sensitivity: str = "normal") -> None:
        self._gate = MotionGate(MotionConfig(sensitivity=sensitivity))
        self._seq = 0

    def see(self, luma: Luma) -> Callable[[], list[Region]]:
        """Return the work to be timed."""
        rows, columns = luma.shape
        picture = Picture(luma, None, None, BT601)
        frame = Frame(luma, picture, self._seq, self._seq / FPS, 0)
        self._seq += 1

        def work() -> list[Region]:
            motion = self._gate.admit(frame)
            return [
                (box.left * columns, box.top * rows, box.right * columns, box.bottom * rows)
                for box in (motion.regions if motion else ())
            ]

        return work


class Mog2:
    """OpenCV's MOG2 at 320x240, opened, dilated, contours: the usual recipe."""

    name = "MOG2"
    SIZE_PX = (320, 240)
    LEAST_AREA_PX = 57.6

    def __init__(self) -> None:
        self._model = cv2.createBackgroundSubtractorMOG2(detectShadows=False)
        self._kernel = np.ones((3, 3), np.uint8)

    def see(self, luma: Luma) -> Callable[[], list[Region]]:
        """Return the work to be timed."""
        return lambda: self._work(luma)

    def _work(self, luma: Luma) -> list[Region]:
        mask = self._model.apply(cv2.resize(luma, self.SIZE_PX, interpolation=cv2.INTER_AREA))
        mask = cv2.dilate(cv2.morphologyEx(mask, cv2.MORPH_OPEN, self._kernel), self._kernel)
        contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        scale_x, scale_y = luma.shape[1] / self.SIZE_PX[0], luma.shape[0] / self.SIZE_PX[1]
        regions = []
        for contour in contours:
            if cv2.contourArea(contour) > self.LEAST_AREA_PX:
                x, y, w, h = cv2.boundingRect(contour)
                right, bottom = (x + w) * scale_x, (y + h) * scale_y
                regions.append((x * scale_x, y * scale_y, right, bottom))
        return regions


class Copy:
    """A copy of the plane: the least that anything could cost that looks at every pixel."""

    name = "memcpy"

    def __init__(self) -> None:
        self._kept = np.empty((HEIGHT_PX, WIDTH_PX), np.uint8)

    def see(self, luma: Luma) -> Callable[[], list[Region]]:
        """Return the work to be timed."""

        def work() -> list[Region]:
            np.copyto(self._kept, luma)
            return []

        return work


def watch(seed: int, footage: Path, sensitivity: str = "normal") -> dict[str, Any]:
    """Run all three over the clip of ``seed``; return scores and times."""
    video, truth = clip(seed, footage, CACHE)
    seers = (Gate(sensitivity), Mog2(), Copy())
    times_us: dict[str, list[float]] = {seer.name: [] for seer in seers}
    regions: dict[str, list[list[Region]]] = {seer.name: [] for seer in seers}
    for n, luma in enumerate(luma_of(video)):
        first = n % len(seers)
        for seer in seers[first:] + seers[:first]:
            work = seer.see(luma)
            began_ns = time.perf_counter_ns()
            found = work()
            times_us[seer.name].append((time.perf_counter_ns() - began_ns) / 1000)
            regions[seer.name].append(found)
    return {"seed": seed, **_summary(truth, regions, times_us)}


def _summary(
    truth: list[dict[str, Any]],
    regions: dict[str, list[list[Region]]],
    times_us: dict[str, list[float]],
) -> dict[str, Any]:
    busy = np.array([bool(said["boxes"]) for said in truth])
    quiet = np.array([said["nu"] == "clean" for said in truth]) & ~busy
    copy_us = float(np.median(times_us[Copy.name]))
    rows = []
    for name in (Gate.name, Mog2.name):
        tallies = score(regions[name], truth)
        spent = np.array(times_us[name])
        times = {"quiet_us": np.median(spent[quiet]), "busy_us": np.median(spent[busy])}
        rows.append(_row(name, tallies, {k: float(v) for k, v in times.items()}, copy_us))
    return {"memcpy_us": round(copy_us, 1), "rows": rows}


def _row(
    name: str, tallies: dict[str, Tally], times_us: dict[str, float], copy_us: float
) -> dict[str, Any]:
    return {
        "name": name,
        **_figures(total(tallies.values())),
        **{key: round(value, 1) for key, value in times_us.items()},
        "quiet_copies": round(times_us["quiet_us"] / copy_us, 1),
        "busy_copies": round(times_us["busy_us"] / copy_us, 1),
        "nuisances": {nuisance: _figures(tally) for nuisance, tally in tallies.items()},
    }


def _figures(tally: Tally) -> dict[str, float]:
    return {
        "f1": round(tally.f1, 4),
        "precision": round(tally.precision, 4),
        "recall": round(tally.recall, 4),
        "false_share": round(tally.false_share, 4),
    }


def show(result: dict[str, Any]) -> None:
    """Print one seed for a person."""
    print(f"seed {result['seed']}: {WIDTH_PX}x{HEIGHT_PX} luma, interleaved")
    print(f"{'':12}    F1  precision  recall  false share   us p50 quiet / busy   x memcpy")
    for row in result["rows"]:
        times = f"{row['quiet_us']:11.0f} / {row['busy_us']:.0f}"
        copies = f"{row['quiet_copies']:.1f} / {row['busy_copies']:.1f}"
        print(
            f"{row['name']:12} {row['f1']:5.3f} {row['precision']:10.3f} {row['recall']:7.3f} "
            f"{row['false_share']:12.3f} {times:>21} {copies:>14}"
        )
    print(f"{'memcpy':12} {'':36} {result['memcpy_us']:>12.0f}")
    _show_nuisances(result["rows"])


def _show_nuisances(rows: Sequence[dict[str, Any]]) -> None:
    print(f"\n{'':12} recall, false share: " + " against ".join(row["name"] for row in rows))
    for nuisance in NUISANCES:
        pairs = (row["nuisances"][nuisance] for row in rows)
        texts = (f"{pair['recall']:.2f} {pair['false_share']:.2f}" for pair in pairs)
        print(f"  {nuisance:12} " + "   ".join(texts))
    print()


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench motion", description=__doc__)
    parser.add_argument("--seed", type=int, action="append", help="clip; may be given again")
    parser.add_argument("--sensitivity", choices=["low", "normal", "high"], default="normal")
    parser.add_argument("--json", action="store_true", help="one JSON object for each seed")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the bench; return the exit status."""
    arguments = _arguments(argv)
    footage = Path(os.environ.get("EDGEAGENT_TESTDATA", "")) / "footage"
    lacking = missing(footage)
    if lacking:
        names = " and ".join(lacking)
        print(f"bench motion: EDGEAGENT_TESTDATA/footage needs {names}", file=sys.stderr)
        return 1
    cv2.setNumThreads(1)
    for seed in arguments.seed or [DEFAULT_SEED]:
        result = watch(seed, footage, arguments.sensitivity)
        if arguments.json:
            print(json.dumps(result))
        else:
            show(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
