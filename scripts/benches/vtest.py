"""How well the bundled detector finds people: vtest.avi, frames 400 to 794, whole frames.

The reference is PETS09_det_frcnn.txt: another detector's boxes, not a person's, so .90 is about
as far as agreement can go. Neither file is part of the repository; EDGEAGENT_TESTDATA names the
folder that has them under ``footage/``.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import av
import numpy as np
from av.video.plane import VideoPlane
from numpy.typing import NDArray

from edgeagent.agent import Agent
from edgeagent.clock import ManualClock
from edgeagent.config import CameraConfig, Config
from edgeagent.decode import decode
from edgeagent.decode.boxes import Boxes, iou
from edgeagent.engines import Engine, open_engine
from edgeagent.findings import WHOLE, Box, Detection
from edgeagent.frame import BT601, Picture, Plane
from edgeagent.looker import Engines
from edgeagent.model import Bundle, ModelFile, bundles_folder, find_bundle
from edgeagent.preprocess import fit
from edgeagent.sources import open_source
from edgeagent.tensor import TensorSpec

FIRST, LAST = 400, 794
FRAMES_PER_S = 10
BAR_AP50 = 0.90
LOWEST_SCORE = 0.05
"""Average precision is an area over all thresholds; below this nothing is left to gain."""
REPORT_AT = 0.4
"""The agent's default threshold, at which recall and precision are given."""

Row = Mapping[str, float | int | str]
Reference = Mapping[int, Boxes]
"""Frame, counted from 0, to boxes as fractions of the frame."""


@dataclass
class Times:
    """Milliseconds of every frame, by stage."""

    stages: dict[str, list[float]] = field(default_factory=dict)

    def add(self, **ms: float) -> None:
        """Keep one frame's figures."""
        for stage, value in ms.items():
            self.stages.setdefault(stage, []).append(value)

    def p50(self) -> dict[str, float]:
        """Return the median of each stage."""
        return {stage: round(float(np.median(ms)), 3) for stage, ms in self.stages.items()}


@dataclass(frozen=True)
class Scores:
    """Of all boxes found: how sure, and whether each is one of the reference's."""

    score: NDArray[np.float64]
    right: NDArray[np.bool_]
    wanted: int

    def ap50(self) -> float:
        """Return the area under precision over recall, precision made monotonic."""
        order = np.argsort(-self.score, kind="stable")
        hits = np.cumsum(self.right[order])
        recall = hits / max(self.wanted, 1)
        precision = hits / np.arange(1, len(hits) + 1)
        envelope = np.maximum.accumulate(precision[::-1])[::-1]
        return float(np.sum(np.diff(recall, prepend=0.0) * envelope))

    def at(self, threshold: float) -> tuple[float, float]:
        """Return recall and precision of what scored at least ``threshold``."""
        counted = self.right[self.score >= threshold]
        return float(counted.sum()) / max(self.wanted, 1), float(counted.mean())


def pictures(clip: Path, first: int, last: int) -> Iterator[Picture]:
    """Decode frames ``first`` to ``last`` of a 4:2:0 clip of standard definition."""
    with av.open(str(clip)) as container:
        for frame in islice(container.decode(video=0), first, last + 1):
            assert frame.format.name == "yuv420p", frame.format.name
            y, u, v = (_plane(plane) for plane in frame.planes)
            yield Picture(y, u, v, BT601)


def _plane(plane: VideoPlane) -> Plane:
    rows: Plane = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width]


def reference(path: Path, width: int, height: int) -> Reference:
    """Read boxes in the MOTChallenge form: frame from 1, id, left, top, width, height, ..."""
    table = np.loadtxt(path, delimiter=",", usecols=(0, 2, 3, 4, 5), dtype=np.float32)
    edges = np.concatenate([table[:, 1:3], table[:, 1:3] + table[:, 3:5]], axis=1)
    edges /= np.array([width, height, width, height], np.float32)
    frames = table[:, 0].astype(int) - 1
    return {int(frame): edges[frames == frame] for frame in np.unique(frames)}


def whole_frame(engine: Engine, picture: Picture, times: Times) -> list[Detection]:
    """Look at all of ``picture`` through the parts the agent uses."""
    began_s = time.perf_counter()
    with engine.seat() as seat:
        unfit = fit(picture, WHOLE, seat.input, engine.takes)
        fitted_s = time.perf_counter()
        outputs = seat.run()
        ran_s = time.perf_counter()
        unfit.findings(decode(engine.bundle, engine.file, outputs, REPORT_AT, top=1))
        ended_s = time.perf_counter()
        # Once more, untimed, for the curve: no agent runs at so low a threshold.
        found = decode(engine.bundle, engine.file, outputs, LOWEST_SCORE, top=1)
    times.add(
        fit_ms=(fitted_s - began_s) * 1e3,
        invoke_ms=seat.invoke_us / 1e3,
        decode_ms=(ended_s - ran_s) * 1e3,
    )
    return [one for one in unfit.findings(found) if isinstance(one, Detection)]


def judge(found: Mapping[int, list[Detection]], truth: Reference, name: str) -> Scores:
    """Match boxes of ``name`` to the reference, best score first, each reference box once."""
    score: list[float] = []
    right: list[bool] = []
    for frame, detections in found.items():
        named = [one for one in detections if one.name == name]
        score += [one.score for one in named]
        right += _matched(named, truth.get(frame, np.zeros((0, 4), np.float32)))
    wanted = sum(len(truth.get(frame, ())) for frame in found)
    return Scores(np.array(score), np.array(right, bool), wanted)


def corners(detections: list[Detection]) -> Boxes:
    """Return the boxes of ``detections``, ``[n, 4]``."""
    edges = [(d.box.left, d.box.top, d.box.right, d.box.bottom) for d in detections]
    return np.array(edges, np.float32).reshape(-1, 4)


def _matched(detections: list[Detection], wanted: Boxes) -> list[bool]:
    overlap = iou(corners(detections), wanted)
    taken: set[int] = set()
    right = []
    for row in overlap:
        nearest = int(row.argmax()) if len(row) else -1
        hit = nearest >= 0 and row[nearest] >= 0.5 and nearest not in taken
        right.append(hit)
        if hit:
            taken.add(nearest)
    return right


def whole_frames(footage: Path) -> Row:
    """Run the detector on every frame and return the figures."""
    engine = open_engine(find_bundle("coco16-320", [bundles_folder()]))
    times, found = Times(), {}
    size_px = (0, 0)
    for number, picture in enumerate(pictures(footage / "vtest.avi", FIRST, LAST), FIRST):
        size_px = picture.size_px
        found[number] = whole_frame(engine, picture, times)
    engine.close()
    truth = reference(footage / "PETS09_det_frcnn.txt", *size_px)
    scores = judge(found, truth, "person")
    recall, precision = scores.at(REPORT_AT)
    return {
        "what": "whole frames, person",
        "frames": len(found),
        "reference_boxes": scores.wanted,
        "ap50": round(scores.ap50(), 4),
        "bar": BAR_AP50,
        f"recall_at_{REPORT_AT}": round(recall, 4),
        f"precision_at_{REPORT_AT}": round(precision, 4),
        **{f"p50_{stage}": ms for stage, ms in times.p50().items()},
    }


def float_bundle(footage: Path) -> Bundle | None:
    """Return the float model that the bundled one was made from, None where it is not there."""
    path = footage.parent / "models" / "orig_320_float.tflite"
    if not path.is_file():
        return None
    taken = TensorSpec("serving_default_image:0", (1, 320, 320, 3), "float32")
    outputs = {
        "box": TensorSpec("PartitionedCall:0", (1, 80, 80, 4), "float32"),
        "heat": TensorSpec("PartitionedCall:1", (1, 80, 80, 80), "float32"),
    }
    file = ModelFile(path, path.stat().st_size, "", taken, outputs)
    labels = ("person", *(f"class {number}" for number in range(1, 80)))
    base = find_bundle("coco16-320", [bundles_folder()])
    return replace(base, labels=labels, files={"cpu": file})


def against_float(footage: Path) -> Row:
    """Say how many of the float model's people the bundled one finds, every 7th frame."""
    bundle = float_bundle(footage)
    if bundle is None:
        return {"what": "against the float model", "skipped": "models/orig_320_float.tflite"}
    floating, bundled = (
        open_engine(bundle),
        open_engine(find_bundle("coco16-320", [bundles_folder()])),
    )
    found: dict[int, list[Detection]] = {}
    truth: dict[int, Boxes] = {}
    shown = islice(enumerate(pictures(footage / "vtest.avi", FIRST, LAST), FIRST), 0, None, 7)
    for number, picture in shown:
        found[number] = whole_frame(bundled, picture, Times())
        sure = [d for d in whole_frame(floating, picture, Times()) if d.score >= REPORT_AT]
        truth[number] = corners([d for d in sure if d.name == "person"])
    # A tenth of slack: what scores .4 there may score .35 here.
    recall, _ = judge(found, truth, "person").at(REPORT_AT - 0.1)
    return {
        "what": "against the float model, person",
        "frames": len(found),
        "recall_of_float": round(recall, 4),
    }


Chain = list[tuple[int, Box]]
"""One person's boxes in the reference, frame by frame."""

ENTER_S = 1.0
"""A person must be reported so soon after the reference first has him."""
BAR_REPORTED = 0.80


def chains(truth: Reference, last: int) -> list[Chain]:
    """Join the reference's boxes, which carry no names, into persons.

    By overlap, from frame to frame, over at most four frames without one. Those there from the
    start are left out, and those shorter than a second.
    """
    going: list[Chain] = []
    ended: list[Chain] = []
    for frame in range(last + 1):
        ended += [chain for chain in going if frame - chain[-1][0] >= 5]
        going = [chain for chain in going if frame - chain[-1][0] < 5]
        free = [Box(*edges) for edges in truth.get(frame, np.zeros((0, 4))).tolist()]
        for chain in going:
            nearest = max(free, key=chain[-1][1].iou, default=None)
            if nearest is not None and nearest.iou(chain[-1][1]) > 0.4:
                chain.append((frame, nearest))
                free.remove(nearest)
        going += [[(frame, box)] for box in free]
    return [chain for chain in ended + going if len(chain) >= 10 and chain[0][0] > 0]


def in_view(footage: Path) -> tuple[list[list[Box]], int]:
    """Run the whole agent over the clip; return the persons it has reported, and its events."""
    engines = Engines(open_engine(find_bundle("coco16-320", [bundles_folder()])))
    camera = CameraConfig(name="vtest", address=str(footage / "vtest.avi"))
    agent = Agent(camera, Config(), engines, ManualClock())
    seen, events = [], 0
    for frame in open_source(camera, ManualClock(), pace=False).frames():
        events += len(agent.see(frame))
        seen.append([t.box for t in agent.in_view() if isinstance(t, Detection)])
    return seen, events


def through_gate_and_track(footage: Path) -> Row:
    """Say how many persons were reported within a second of entering, all 795 frames."""
    seen, events = in_view(footage)
    truth = reference(footage / "PETS09_det_frcnn.txt", 768, 576)
    persons = chains(truth, len(seen) - 1)
    reported = sum(_reported(chain, seen) for chain in persons) / len(persons)
    boxes = [
        (frame, Box(*edges)) for frame in range(20, len(seen)) for edges in truth[frame].tolist()
    ]
    covered = sum(any(box.iou(b) > 0.5 for b in seen[frame]) for frame, box in boxes) / len(boxes)
    return {
        "what": "through gate and track, person",
        "frames": len(seen),
        "persons": len(persons),
        f"reported_within_{ENTER_S:g}_s": round(reported, 4),
        "bar": BAR_REPORTED,
        "reference_boxes_covered": round(covered, 4),
        "events": events,
    }


def _reported(chain: Chain, seen: list[list[Box]]) -> bool:
    entered = chain[0][0]
    soon = [(f, box) for f, box in chain if f - entered <= ENTER_S * FRAMES_PER_S]
    return any(box.iou(b) > 0.3 for frame, box in soon for b in seen[frame])


TABLES: tuple[Callable[[Path], Row], ...] = (whole_frames, against_float, through_gate_and_track)
"""Each is measured and printed by itself."""


def footage_folder() -> Path:
    """Return where the clip and its reference are, or end with what is missing."""
    root = os.environ.get("EDGEAGENT_TESTDATA", "")
    folder = Path(root) / "footage"
    missing = [n for n in ("vtest.avi", "PETS09_det_frcnn.txt") if not (folder / n).is_file()]
    if not root or missing:
        sys.exit(f"EDGEAGENT_TESTDATA={root!r}: footage/{' and footage/'.join(missing)} not there")
    return folder


def main() -> int:
    """Print every table; status 1 where a figure is below its bar."""
    parser = argparse.ArgumentParser(description="Accuracy of the bundled detector on vtest.avi.")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    args = parser.parse_args()
    footage = footage_folder()
    rows = [table(footage) for table in TABLES]
    for row in rows:
        lines = [json.dumps(row)] if args.json else [f"{key:18} {row[key]}" for key in row]
        print("\n".join(lines))
    return int(any(_figure(row) < float(row["bar"]) for row in rows if "bar" in row))


def _figure(row: Row) -> float:
    """Return what the row's bar is for: the entry before it."""
    keys = list(row)
    return float(row[keys[keys.index("bar") - 1]])


if __name__ == "__main__":
    sys.exit(main())
