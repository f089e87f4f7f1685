"""Asks a model about every picture as the device would: fitted, run, decoded by the same code."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeagent.aim import aim
from edgeagent.clock import ManualClock
from edgeagent.config import CameraConfig
from edgeagent.decode import decode
from edgeagent.engines import Engine
from edgeagent.errors import AcceleratorError, CameraError, UsageError
from edgeagent.evaluation.truth import Corners, Row, Shot, Truth
from edgeagent.findings import WHOLE, Box, Detection, Embedding, Finding, Label
from edgeagent.frame import Frame, Picture
from edgeagent.looker import VECTOR_MARGIN
from edgeagent.preprocess import fit
from edgeagent.sources import open_source
from edgeagent.tensor import TensorSpec

LEAST_SCORE = 0.01
"""What a detector gives below it is not asked for: average precision wants the weak ones, too,
and those below it change its third digit."""

TOP = 5
"""Labels that a classifier is asked for."""

_BROKEN = "is no picture that can be decoded"

Progress = Callable[[float, float], None]


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing that a detector said it saw."""

    shot: int
    label: str
    score: float
    box_px: Corners


@dataclass(frozen=True, slots=True)
class Answers:
    """What the model said; of the three, what its task is."""

    engine: str
    boxes: tuple[Seen, ...] = ()
    ranked: tuple[tuple[str, ...], ...] = ()
    """The best labels for each row of the truth, best first."""
    vectors: NDArray[np.float32] | None = None
    """``[rows, values]``, dequantised."""


def broken(truth: Truth) -> list[str]:
    """Return which stills cannot be decoded, before hours of work are begun."""
    stills = (shot for shot in truth.shots if shot.frame < 0 and shot.path.is_file())
    return [f"{shot.path}: {_BROKEN}" for shot in stills if _still(shot) is None]


def ask(engine: Engine, truth: Truth, tell: Progress) -> Answers:
    """Ask ``engine`` about every shot.

    Raises:
        UsageError: a clip ends before the truth does, or cannot be decoded.
        AcceleratorError: the engine does not answer, or another answers in its place.
    """
    rows: dict[int, list[int]] = {}
    for number, row in enumerate(truth.rows):
        rows.setdefault(row.shot, []).append(number)
    asked = _Asked(engine, truth)
    for done, (number, picture) in enumerate(_pictures(truth)):
        asked.shot(number, rows.get(number, ()), picture)
        tell(done + 1, len(truth.shots))
    return asked.answers()


class _Asked:
    """What one engine has said so far."""

    def __init__(self, engine: Engine, truth: Truth) -> None:
        self._engine, self._truth = engine, truth
        self._name = ""
        self._boxes: list[Seen] = []
        self._ranked: dict[int, tuple[str, ...]] = {}
        self._vectors: dict[int, NDArray[np.float32]] = {}

    def shot(self, number: int, rows: Sequence[int], picture: Picture) -> None:
        """Ask about one picture, or about each thing in it."""
        if self._engine.bundle.task == "detect":
            found = self._said(picture, WHOLE, LEAST_SCORE)
            self._boxes += [_seen(number, one, picture.size_px)
                            for one in found if isinstance(one, Detection)]  # fmt: skip
            return
        for place in rows:
            region = self._region(self._truth.rows[place], picture)
            said = self._said(picture, region, 0.0)
            self._ranked[place] = tuple(one.name for one in said if isinstance(one, Label))
            for one in said:
                if isinstance(one, Embedding):
                    self._vectors[place] = _reals(one)

    def answers(self) -> Answers:
        """Return all of it, in the order of the truth's rows."""
        rows = range(len(self._truth.rows))
        if self._engine.bundle.task == "detect":
            return Answers(self._name, tuple(self._boxes))
        if self._engine.bundle.task == "embed":
            vectors = np.stack([self._vectors[place] for place in rows])
            return Answers(self._name, vectors=vectors)
        return Answers(self._name, ranked=tuple(self._ranked[place] for place in rows))

    def _region(self, row: Row, picture: Picture) -> Box:
        if row.box_px is None:
            return WHOLE
        width_px, height_px = picture.size_px
        left, top, right, bottom = row.box_px
        box = Box(left / width_px, top / height_px, right / width_px, bottom / height_px)
        margin = VECTOR_MARGIN if self._engine.bundle.task == "embed" else 0.0
        _, rows_px, columns_px, _ = self._engine.takes.shape
        return aim([box], picture.size_px, 1, margin, 0.0, columns_px / rows_px)[0]

    def _said(self, picture: Picture, region: Box, threshold: float) -> list[Finding]:
        with self._engine.seat() as seat:
            unfit = fit(picture, region, seat.input, self._engine.takes)
            outputs = seat.run()
            found = decode(self._engine.bundle, seat.file, outputs, threshold, TOP)
            name = seat.name
        if self._name not in ("", name):
            raise AcceleratorError(f"{name} answered instead of {self._name}: nothing is judged")
        self._name = name
        return unfit.findings(found)


def _seen(shot: int, one: Detection, size_px: tuple[int, int]) -> Seen:
    (width_px, height_px), box = size_px, one.box
    corners = (
        box.left * width_px, box.top * height_px, box.right * width_px, box.bottom * height_px,
    )  # fmt: skip
    return Seen(shot, one.name, one.score, corners)


def _reals(one: Embedding) -> NDArray[np.float32]:
    values = np.frombuffer(one.values, one.dtype)
    return TensorSpec("", values.shape, one.dtype, one.scale, one.zero_point).dequantise(values)


def _pictures(truth: Truth) -> Iterator[tuple[int, Picture]]:
    """Yield each shot's place and its picture; valid until the next is taken."""
    clips: dict[Path, dict[int, int]] = {}
    for number, shot in enumerate(truth.shots):
        if shot.frame >= 0:
            clips.setdefault(shot.path, {})[shot.frame] = number
            continue
        picture = _still(shot)
        if picture is None:
            raise UsageError(f"{shot.path}: {_BROKEN}")
        yield number, picture
    for clip, wanted in clips.items():
        yield from _of_clip(clip, wanted)


def _of_clip(clip: Path, wanted: dict[int, int]) -> Iterator[tuple[int, Picture]]:
    left, last = dict(wanted), max(wanted)
    config = CameraConfig(name="clip", source="video", address=str(clip))
    source = open_source(config, ManualClock(), pace=False)
    try:
        for frame in source.frames():
            if frame.seq in left:
                yield left.pop(frame.seq), frame.picture
            if frame.seq >= last:
                break
    except CameraError as error:
        raise UsageError(f"{clip}: cannot be decoded: {error}") from error
    finally:
        source.close()
    if left:
        raise UsageError(
            f"{clip}: has no frame {min(left) + 1}, of which something is known; "
            "is it the clip that belongs to these rows?"
        )


def _still(shot: Shot) -> Picture | None:
    config = CameraConfig(name="still", source="images", address=str(shot.path))
    source = open_source(config, ManualClock(), pace=False)
    try:
        frame: Frame | None = next(iter(source.frames()), None)
    except CameraError:
        return None
    finally:
        source.close()
    return frame.picture if frame else None
