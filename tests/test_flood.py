"""A log that floods is cut, and says by how much."""

import logging
import threading

from edgeagent.flood import Flood


class Kept(logging.Handler):
    """Keeps what reaches it."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.left_out = 0
        self.has_all = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())
        if record.name == "edgeagent.flood":
            self.left_out += int(record.getMessage().split()[0])
            if self.left_out == 12:
                self.has_all.set()


class Rig:
    def __init__(self, say_s: float = 3600.0) -> None:
        self.now_s = 0.0
        self.kept = Kept()
        self.flood = Flood(self.kept, 1.0, 3, say_s, lambda: self.now_s)
        self.kept.addFilter(self.flood)
        self.log = logging.getLogger(f"edgeagent.test.flood.{id(self)}")
        self.log.propagate = False
        self.log.addHandler(self.kept)


def test_what_comes_too_fast_is_counted_and_not_said() -> None:
    rig = Rig()
    for number in range(10):
        rig.log.warning("%d", number)
    assert rig.kept.said == ["0", "1", "2"]
    assert rig.flood.left_out == 7
    rig.now_s = 2.0
    rig.log.warning("later")
    assert rig.kept.said[3:] == ["later"]
    rig.flood.say()
    assert rig.kept.said[-1] == "7 log records were left out within 3600 s"
    assert rig.flood.left_out == 0
    for thread in threading.enumerate():
        if thread.name == "flood":
            thread.join(20)


def test_while_a_flood_goes_on_it_is_said_once_a_minute() -> None:
    rig = Rig()
    for _ in range(1000):
        rig.log.warning("x")
    assert rig.kept.said == ["x"] * 3
    (timer,) = [thread for thread in threading.enumerate() if thread.name == "flood"]
    rig.flood.say()
    assert rig.kept.said[3:] == ["997 log records were left out within 3600 s"]
    timer.join(20)


def test_all_that_was_left_out_is_told_when_its_time_has_come() -> None:
    rig = Rig(say_s=0.05)
    for count in (5, 7):
        rig.now_s += 3.0
        for _ in range(3 + count):
            rig.log.warning("x")
    assert rig.kept.has_all.wait(20)
