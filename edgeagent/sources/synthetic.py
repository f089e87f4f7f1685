"""A bright square that walks across a grey, noisy scene: the camera for trials, tests and bench."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeagent.clock import Clock
from edgeagent.config import CameraConfig
from edgeagent.errors import CameraError
from edgeagent.findings import Box
from edgeagent.frame import BT601, Frame, Picture, Plane
from edgeagent.sources.timeline import ClipTimes, wait_until

GREY = 110
"""Mean luma of the scene."""

NOISE = 3.0
"""Standard deviation of its noise, in luma steps: a small sensor in room light."""

SQUARE = (200, 90, 150)
"""Y, U and V of the square, a pale orange."""

CROSSING_S = 8.0
"""How long the square walks from the left edge to the right, to begin again there."""

NEUTRAL = 128
"""U and V of grey."""

SHIFT_PX = 64
"""The noise of one frame is a piece of one larger sheet, shifted by up to so much."""


@dataclass(frozen=True, slots=True)
class Script:
    """What shall happen, by frame number; None: it does not."""

    end_at: int | None = None
    """The frames end before this one."""
    stall_at: int | None = None
    """This one never comes: silence until ``config.stall_s`` is over, then a CameraError."""
    fail_at: int | None = None
    """A CameraError instead of this one."""
    resize_at: tuple[int, int, int] | None = None
    """Frame number, then width and height from there on."""


AS_ASKED = Script()


class Synthetic:
    """A `Source` with known answers, the same for the same seed. Frames own their memory."""

    def __init__(
        self,
        config: CameraConfig,
        clock: Clock,
        pace: bool = True,
        seed: int = 0,
        script: Script = AS_ASKED,
    ) -> None:
        """Take the arguments of `open_source`, a seed for the noise and a script."""
        self._config = config
        self._clock = clock
        self._pace = pace
        self._script = script
        self._stop = threading.Event()
        self._times = ClipTimes(clock, 1 / config.fps)
        self._random = np.random.default_rng(seed)
        self._shifts = self._random.integers(0, SHIFT_PX, (4096, 2))
        self._sheet = self._noise(config.width, config.height)

    @property
    def ends(self) -> bool:
        """See `Source.ends`."""
        return self._script.end_at is not None

    @property
    def dropped(self) -> int:
        """See `Source.dropped`: none, it gives no more than it is asked for."""
        return 0

    def frames(self) -> Iterator[Frame]:
        """See `Source.frames`."""
        seq = 0
        while not self._stop.is_set() and seq != self._script.end_at:
            self._play(seq)
            mono_s, wall_ms = self._times.at(None)
            picture = self._picture(seq)
            if self._pace:
                wait_until(mono_s, self._clock, self._stop)
            if not self._stop.is_set():
                yield Frame(picture.y, picture, seq, mono_s, wall_ms)
            seq += 1

    def close(self) -> None:
        """See `Source.close`."""
        self._stop.set()

    def box_at(self, seq: int) -> Box:
        """Return where the square is in frame ``seq``, exact to the pixel."""
        width, height = self._size_at(seq)
        left, top, side = self._square_at(seq)
        return Box(left / width, top / height, (left + side) / width, (top + side) / height)

    def _play(self, seq: int) -> None:
        name = f"camera {self._config.name}"
        if seq == self._script.fail_at:
            raise CameraError(f"{name}: failed at frame {seq}, as its script says")
        if seq == self._script.stall_at and not self._stop.wait(self._config.stall_s):
            raise CameraError(f"{name}: gave no frame for {self._config.stall_s:g} s")
        if self._script.resize_at and seq == self._script.resize_at[0]:
            self._sheet = self._noise(*self._script.resize_at[1:])

    def _size_at(self, seq: int) -> tuple[int, int]:
        change = self._script.resize_at
        if change and seq >= change[0]:
            return change[1:]
        return self._config.width, self._config.height

    def _square_at(self, seq: int) -> tuple[int, int, int]:
        """Return left, top and side in pixels, all even, so that 4:2:0 chroma fits."""
        width, height = self._size_at(seq)
        side = max(2, min(width, height) // 12 * 2)
        step = 2 * max(1, round(width / (2 * CROSSING_S * self._config.fps)))
        room = max(2, (width - side) // 2 * 2)
        return seq * step % room, (height - side) // 4 * 2, side

    def _noise(self, width: int, height: int) -> Plane:
        shape = height + SHIFT_PX, width + SHIFT_PX
        sheet: NDArray[np.float32] = self._random.standard_normal(shape, np.float32)
        return np.asarray(np.clip(np.rint(sheet * NOISE + GREY), 0, 255), np.uint8)

    def _picture(self, seq: int) -> Picture:
        width, height = self._size_at(seq)
        down, across = self._shifts[seq % len(self._shifts)]
        y = self._sheet[down : down + height, across : across + width].copy()
        half = (height + 1) // 2, (width + 1) // 2
        u, v = np.full(half, NEUTRAL, np.uint8), np.full(half, NEUTRAL, np.uint8)
        left, top, side = self._square_at(seq)
        _fill(y, left, top, side, SQUARE[0])
        _fill(u, left // 2, top // 2, side // 2, SQUARE[1])
        _fill(v, left // 2, top // 2, side // 2, SQUARE[2])
        return Picture(y, u, v, BT601)


def _fill(plane: Plane, left: int, top: int, side: int, value: int) -> None:
    plane[top : top + side, left : left + side] = value
