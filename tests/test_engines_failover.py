"""The frame in flight is answered; whoever sits never sees the fault."""

import threading
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from edgeagent.clock import ManualClock
from edgeagent.engines import Engine, Seat
from edgeagent.engines.accelerator import Accelerator
from edgeagent.engines.failover import Failover
from edgeagent.engines.pace import BATCH_CALLS
from edgeagent.engines.scripted import Scripted
from edgeagent.errors import AcceleratorError
from edgeagent.findings import Notice
from edgeagent.health import Health
from edgeagent.model import Bundle, bundles_folder, find_bundle
from edgeagent.tensor import Tensor

RELEASE = find_bundle("embed88-128", [bundles_folder()])
COMPILED = replace(RELEASE.files["cpu"], sha256="e" * 64)
BUNDLE = replace(RELEASE, files={**RELEASE.files, "edgetpu": COMPILED})


def twice(image: Tensor) -> dict[str, Tensor]:
    """Answer by the input, so that a frame that was not the asker's is seen."""
    return {"vector": np.full((1, 88), int(image[0, 0, 0, 0]) * 2, np.uint8)}


class Desk:
    """A failover from scripted engines, its device, and all that was said."""

    def __init__(self, with_spare: bool = True, fails: set[int] | None = None) -> None:
        self.fails = fails or set()
        self.heard: list[Notice] = []
        self.health = Health()
        self.clock = ManualClock()
        self.tpus: list[Scripted] = []
        self.cpu = Scripted(BUNDLE, twice, name="cpu")
        self.accelerator = Accelerator(
            "usb:0", self.open, self.heard.append, self.health, self.clock
        )
        spare = self.cpu if with_spare else None
        self.failover = Failover(BUNDLE, spare, self.accelerator, self.clock)

    def open(self) -> Sequence[Engine]:
        tpu = Scripted(BUNDLE, twice, fails=self.fails, name="tpu", file=COMPILED)
        self.tpus.append(tpu)
        return [tpu]

    def ask(self, value: int) -> tuple[int, str, str]:
        """Return what is said of ``value``, by which engine and file."""
        with self.failover.seat() as seat:
            return asked(seat, value)

    @property
    def told(self) -> list[str]:
        return [f"{notice.part}_{notice.what}" for notice in self.heard]


def asked(seat: Seat, value: int) -> tuple[int, str, str]:
    seat.input[...] = value
    said = int(seat.run()["vector"][0, 0])
    return said, seat.name, seat.file.sha256[:1]


def test_it_begins_on_the_cpu_and_goes_over_between_two_seats() -> None:
    desk = Desk()
    assert desk.ask(3) == (6, "cpu", "7")
    with desk.failover.seat() as seat:
        desk.accelerator.attempt()
        assert asked(seat, 4) == (8, "cpu", "7")
    assert desk.ask(5) == (10, "tpu", "e")
    assert [int(image.max()) for image in desk.tpus[0].saw] == [5]


def test_the_frame_in_flight_is_answered_from_where_it_lies() -> None:
    desk = Desk(fails={1})
    desk.accelerator.attempt()
    assert desk.ask(3) == (6, "tpu", "e")
    with desk.failover.seat() as seat:
        kept = seat.input
        kept[...] = 21
        assert int(seat.run()["vector"][0, 0]) == 42
        assert (seat.name, seat.file, seat.input is kept) == ("cpu", BUNDLE.files["cpu"], True)
        # Whoever kept the input goes on in it.
        kept[...] = 30
        assert int(seat.run()["vector"][0, 0]) == 60
    assert desk.ask(5) == (10, "cpu", "7")
    assert desk.told == ["engine_ready", "tpu_lost"]
    assert (len(desk.tpus[0].saw), len(desk.cpu.saw)) == (2, 3)


def test_it_comes_back_and_goes_again_as_often_as_the_device_does() -> None:
    desk = Desk(fails={2})
    for _ in range(5):
        desk.accelerator.attempt()
        names = [desk.ask(n)[1] for n in range(4)]
        assert names == ["tpu", "tpu", "cpu", "cpu"]
    assert desk.told == ["engine_ready", "tpu_lost", *["tpu_back", "tpu_lost"] * 4]
    assert desk.health.counted("tpu_lost_total.error") == 5


def test_a_device_that_died_while_nobody_looked_costs_no_frame() -> None:
    desk = Desk()
    desk.accelerator.attempt()
    desk.tpus[0].close()
    assert desk.ask(3) == (6, "cpu", "7")
    assert desk.told == ["engine_ready", "tpu_lost"]
    assert desk.heard[-1].why.startswith("closed: ")


def test_what_would_answer_now_is_what_it_says_it_is() -> None:
    desk = Desk(fails={0})
    assert (desk.failover.name, desk.failover.file.sha256[:1], desk.failover.is_lost) == (
        "cpu", "7", True)  # fmt: skip
    desk.accelerator.attempt()
    assert (desk.failover.name, desk.failover.file.sha256[:1], desk.failover.is_lost) == (
        "tpu", "e", False)  # fmt: skip
    desk.ask(1)
    assert desk.failover.name == "cpu"


def test_without_a_spare_nobody_answers_until_the_device_is_back() -> None:
    desk = Desk(with_spare=False, fails={1})
    with pytest.raises(AcceleratorError, match="usb:0: is away") as raised, desk.failover.seat():
        pass
    assert raised.value.cause == "no_device"
    assert (desk.failover.name, desk.failover.file) == ("none", COMPILED)
    desk.accelerator.attempt()
    assert desk.ask(3) == (6, "tpu", "e")
    for _ in range(3):
        with pytest.raises(AcceleratorError, match=r'fallback = "cpu" would'):
            desk.ask(4)
    assert desk.told == ["engine_ready", "tpu_lost"]
    assert desk.health.snapshot().states["tpu usb:0"].startswith("error: ")
    desk.fails.clear()
    desk.accelerator.attempt()
    assert desk.ask(3) == (6, "tpu", "e")


class Cameras:
    """Three threads that look without end, and note each answer that was not theirs."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.wrong: list[object] = []
        self.done = threading.Event()
        self.threads = [threading.Thread(target=self.look, args=(n,)) for n in (1, 40, 80)]
        for thread in self.threads:
            thread.start()

    def look(self, value: int) -> None:
        while not self.done.is_set():
            with self.desk.failover.seat() as seat:
                # Nobody else sits, so that what ran on the CPU meanwhile was this.
                before = len(self.desk.cpu.saw)
                answer = asked(seat, value)
                on_cpu = len(self.desk.cpu.saw) > before
            if answer != (value * 2, *(("cpu", "7") if on_cpu else ("tpu", "e"))):
                self.wrong.append((value, answer, on_cpu))
            value = value % 100 + 1

    def end(self) -> None:
        self.done.set()
        for thread in self.threads:
            thread.join(5)


def test_cameras_that_race_are_each_told_who_answered_them() -> None:
    desk = Desk()
    desk.accelerator.attempt()
    cameras = Cameras(desk)
    for number in range(1, 41):
        desk.tpus[-1].fails.add(len(desk.tpus[-1].saw) + 2)
        deadline_s = time.monotonic() + 5
        while desk.told.count("tpu_lost") < number and time.monotonic() < deadline_s:
            time.sleep(0.001)
        desk.accelerator.attempt()
    cameras.end()
    assert cameras.wrong == []
    assert desk.told == ["engine_ready", *["tpu_lost", "tpu_back"] * 40]


def test_a_closed_one_closes_both_and_waits_for_whoever_sits() -> None:
    desk = Desk()
    desk.accelerator.attempt()
    closer = threading.Thread(target=desk.failover.close)
    with desk.failover.seat() as seat:
        closer.start()
        time.sleep(0.02)
        assert asked(seat, 2) == (4, "tpu", "e")
    closer.join(5)
    for engine in (desk.failover, desk.cpu, desk.tpus[0]):
        with pytest.raises(AcceleratorError, match="is closed") as raised, engine.seat():
            pass
        assert raised.value.cause == "closed"


class Timed(Scripted):
    """Says of each run that it took as long as it is told."""

    took_us = 8000

    def run(self) -> dict[str, Tensor]:
        answer = super().run()
        self.invoke_us = self.took_us
        return dict(answer)


def test_one_that_has_become_slow_is_told_and_asked_less_often() -> None:
    bundle: Bundle = BUNDLE
    tpu = Timed(bundle, twice, name="tpu", file=COMPILED)
    heard: list[Notice] = []
    clock, health = ManualClock(), Health()
    accelerator = Accelerator("usb:0", lambda: [tpu], heard.append, health, clock)
    failover = Failover(bundle, Scripted(bundle, name="cpu"), accelerator, clock)
    assert failover.ease == 1.0
    accelerator.attempt()

    def run(took_us: int) -> None:
        tpu.took_us = took_us
        for _ in range(4 * BATCH_CALLS):
            clock.advance(1.0)
            with failover.seat() as seat:
                seat.run()

    run(8000)
    assert failover.ease == 1.0
    run(20000)
    assert failover.ease == 0.4
    assert heard[-1].what == "slow"
    assert heard[-1].why.startswith("embed88-128 takes 20.0 ms, usually 8.0 ms: ")
    tpu.close()
    with failover.seat() as seat:
        seat.run()
    assert failover.ease == 1.0
