"""The one-frame slot: the newest wins, faults and ends arrive, nothing hangs."""

import threading
import time
from collections.abc import Iterator
from itertools import islice

import pytest

from edgeagent.clock import SystemClock
from edgeagent.config import CameraConfig
from edgeagent.errors import CameraError
from edgeagent.frame import Frame
from edgeagent.sources.latest import Latest
from edgeagent.sources.synthetic import Script, Synthetic


def synthetic(script: Script, fps: float = 50.0, stall_s: float = 0.1) -> Synthetic:
    config = CameraConfig(width=64, height=48, fps=fps, stall_s=stall_s)
    return Synthetic(config, SystemClock(), script=script)


class Deaf:
    """A camera stuck in its driver: it gives two frames, then hears nothing until freed."""

    ends = False
    dropped = 0

    def __init__(self) -> None:
        self.free = threading.Event()

    def frames(self) -> Iterator[Frame]:
        yield from islice(synthetic(Script()).frames(), 2)
        self.free.wait(20)

    def close(self) -> None:
        pass


class Fed:
    """A camera whose first frame comes at once, and all others when the test says so."""

    ends = True
    dropped = 0

    def __init__(self, frames: int) -> None:
        self._frames, self._turn = frames, threading.Semaphore(1)
        self.given = 0

    def frames(self) -> Iterator[Frame]:
        for frame in islice(synthetic(Script()).frames(), self._frames):
            self._turn.acquire()
            self.given += 1
            yield frame

    def feed(self, count: int) -> None:
        """Let so many more come, as far as there are; return when the reader has them."""
        wanted = min(self.given + count, self._frames)
        for _ in range(self.given, wanted):
            self._turn.release()
        while self.given < wanted:
            time.sleep(0.001)

    def close(self) -> None:
        self._turn.release()


def test_a_slow_consumer_gets_the_newest_and_what_it_missed_is_counted() -> None:
    camera = Fed(40)
    latest = Latest(camera, "yard")
    seqs = []
    for frame in latest.frames():
        seqs.append(frame.seq)
        camera.feed(8)
    assert seqs[-1] == 39
    assert seqs == sorted(set(seqs))
    assert len(seqs) <= 7, "one of eight, the first and the last"
    assert latest.dropped == 40 - len(seqs)
    assert latest.ends


def test_a_quick_consumer_misses_nothing() -> None:
    camera = Fed(30)
    latest = Latest(camera, "yard")
    seqs = []
    for frame in latest.frames():
        seqs.append(frame.seq)
        camera.feed(1)
    assert seqs == list(range(30))
    assert latest.dropped == 0


def test_a_fault_arrives_after_the_last_frame() -> None:
    frames = Latest(synthetic(Script(fail_at=1)), "yard").frames()
    assert next(frames).seq == 0
    with pytest.raises(CameraError, match="failed at frame 1"):
        next(frames)


def test_the_reader_is_named_after_its_camera_and_ends_with_it() -> None:
    latest = Latest(synthetic(Script()), "yard")
    frames = latest.frames()
    next(frames)
    assert "camera-yard-reader" in [thread.name for thread in threading.enumerate()]
    latest.close()
    assert "camera-yard-reader" not in [thread.name for thread in threading.enumerate()]


def test_a_camera_that_hangs_in_its_driver_is_a_camera_error_in_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    deaf = Deaf()
    latest = Latest(deaf, "yard", stall_s=0.2)
    begun_s = time.monotonic()
    with pytest.raises(CameraError, match=r"camera yard: hangs, no frame for 1\.2 s"):
        list(latest.frames())
    assert 1.1 < time.monotonic() - begun_s < 15
    assert "hangs in the driver; left behind" in caplog.text
    deaf.free.set()


def test_closing_a_camera_that_hangs_takes_two_seconds_and_no_more() -> None:
    deaf = Deaf()
    latest = Latest(deaf, "yard", stall_s=60)
    frames = latest.frames()
    next(frames)
    begun_s = time.monotonic()
    latest.close()
    assert time.monotonic() - begun_s < 15
    assert list(frames) == []
    deaf.free.set()
