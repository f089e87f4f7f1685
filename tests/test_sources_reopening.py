"""A camera lost and found again."""

import threading
import time
from collections.abc import Callable, Sequence

import pytest

from edgeagent.clock import ManualClock
from edgeagent.config import CameraConfig
from edgeagent.errors import CameraError, CameraSpentError
from edgeagent.findings import Notice
from edgeagent.sources import Source
from edgeagent.sources.reopening import Reopening
from edgeagent.sources.synthetic import Script, Synthetic

CONFIG = CameraConfig(width=64, height=48, fps=10.0, stall_s=0.01)
DEAD = Script(fail_at=0)


class Yard:
    """A camera opened by script after script, and all that is said and drawn meanwhile."""

    def __init__(self, scripts: Sequence[Script]) -> None:
        self.clock = ManualClock()
        self.stop = threading.Event()
        self.notices: list[Notice] = []
        self.bounds: list[float] = []
        self.opened = 0
        self._scripts = scripts
        self.source = Reopening(
            self._open,
            self.notices.append,
            self.clock,
            self.stop,
            name="yard",
            draw=self._draw,
        )

    def _open(self) -> Source:
        script = self._scripts[min(self.opened, len(self._scripts) - 1)]
        self.opened += 1
        return Synthetic(CONFIG, self.clock, pace=False, script=script)

    def _draw(self, low: float, high: float) -> float:
        assert low == 0
        self.bounds.append(high)
        return 0.0


def test_one_lost_one_back_and_seq_goes_on() -> None:
    yard = Yard([Script(fail_at=3), DEAD, DEAD, Script(end_at=2)])
    assert [frame.seq for frame in yard.source.frames()] == [0, 1, 2, 3, 4]
    assert [(n.part, n.what, n.name) for n in yard.notices] == [
        ("camera", "lost", "yard"),
        ("camera", "back", "yard"),
    ]
    assert "failed at frame 3" in yard.notices[0].why
    assert yard.opened == 4


def test_waits_double_from_one_second_to_sixty() -> None:
    yard = Yard([DEAD] * 9 + [Script(end_at=1)])
    assert len(list(yard.source.frames())) == 1
    assert yard.bounds == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_camera_that_comes_and_goes_waits_ever_longer_until_it_has_been_sound() -> None:
    yard = Yard([Script(fail_at=1)] * 4 + [Script(fail_at=100), Script(end_at=1)])
    for _ in yard.source.frames():
        if yard.opened == 5:
            yard.clock.advance(1.0)
    assert yard.bounds == [1, 2, 4, 8, 1]


def test_a_camera_that_is_spent_is_not_opened_again_and_the_caller_hears_of_it() -> None:
    attempts: list[int] = []

    def open_it() -> Source:
        attempts.append(1)
        if len(attempts) < 3:
            raise CameraError("camera yard: not plugged in")
        raise CameraSpentError("camera yard: failed 3 times")

    notices: list[Notice] = []
    source = Reopening(open_it, notices.append, ManualClock(), threading.Event(), draw=min)
    with pytest.raises(CameraSpentError, match="failed 3 times"):
        next(source.frames())
    assert len(attempts) == 3
    assert [notice.what for notice in notices] == ["lost"]


def test_an_opener_that_raises_is_a_lost_camera_too() -> None:
    attempts: list[int] = []

    def open_it() -> Source:
        attempts.append(1)
        if len(attempts) < 3:
            raise CameraError("camera yard: not plugged in")
        return Synthetic(CONFIG, ManualClock(), pace=False, script=Script(end_at=2))

    notices: list[Notice] = []
    stop = threading.Event()
    source = Reopening(open_it, notices.append, ManualClock(), stop, draw=min)
    assert len(list(source.frames())) == 2
    assert [notice.why for notice in notices] == ["camera yard: not plugged in", "frames again"]


@pytest.mark.parametrize("end", [lambda yard: yard.source.close(), lambda yard: yard.stop.set()])
def test_a_wait_of_a_minute_ends_at_once_when_asked(end: Callable[[Yard], None]) -> None:
    yard = Yard([DEAD])
    waiting = Reopening(
        yard._open, yard.notices.append, yard.clock, yard.stop, draw=lambda *_: 60.0
    )
    yard.source = waiting
    closer = threading.Timer(0.1, end, [yard])
    closer.start()
    begun_s = time.monotonic()
    assert list(waiting.frames()) == []
    closer.join()
    assert time.monotonic() - begun_s < 20


def test_what_is_asked_to_end_says_nothing_of_a_loss() -> None:
    yard = Yard([Script(stall_at=1)])
    frames = yard.source.frames()
    next(frames)
    yard.source.close()
    assert list(frames) == []
    assert yard.notices == []
