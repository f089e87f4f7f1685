"""The life of a device: lost, tried again, back; told once, whatever happens meanwhile."""

import threading
import time
from collections.abc import Callable, Sequence

import pytest

from edgeagent.clock import ManualClock
from edgeagent.engines import Engine
from edgeagent.engines.accelerator import BLIND_EVERY, SOUND_S, Accelerator
from edgeagent.engines.scripted import Scripted
from edgeagent.errors import AcceleratorError, BundleError
from edgeagent.findings import Notice
from edgeagent.health import Health
from edgeagent.model import bundles_folder, find_bundle

BUNDLE = find_bundle("embed88-128", [bundles_folder()])
GONE = AcceleratorError("it is gone", cause="abort")


class Port:
    """Where a device is plugged in, or is not; it remembers how often it was opened."""

    def __init__(self, models: int = 1) -> None:
        self.error: Exception | None = None
        self.seen = True
        self.models = models
        self.meanwhile: Callable[[], None] = lambda: None
        """Done when it is opened, before it is."""
        self.opened: list[list[Scripted]] = []

    def open(self) -> Sequence[Engine]:
        self.meanwhile()
        if self.error is not None:
            raise self.error
        self.opened.append([Scripted(BUNDLE, name="tpu") for _ in range(self.models)])
        return self.opened[-1]

    def present(self) -> bool:
        return self.seen


def there(accelerator: Accelerator) -> bool:
    """Wait for the device's own thread to bring it back."""
    deadline_s = time.monotonic() + 5
    while accelerator.engine(0) is None and time.monotonic() < deadline_s:
        time.sleep(0.001)
    return accelerator.engine(0) is not None


class Life:
    """An accelerator on a port, what it said, and how long it drew its waits."""

    def __init__(self, port: Port, expected: bool = True, users: int = 1) -> None:
        self.port = port
        self.heard: list[Notice] = []
        self.health = Health()
        self.clock = ManualClock()
        self.bounds_s: list[float] = []
        self.abandoned = threading.Event()
        self.accelerator = Accelerator(
            "usb:0",
            port.open,
            self.heard.append,
            self.health,
            self.clock,
            users=users,
            longest_s=8.0,
            present=port.present,
            expected=expected,
            abandon=self.abandoned.set,
            draw=self.draw,
        )

    def draw(self, low: float, high: float) -> float:
        self.bounds_s.append(high)
        return low

    def lose(self, error: AcceleratorError = GONE, number: int = 0) -> None:
        engine = self.accelerator.engine(number)
        assert engine is not None
        self.accelerator.lose(engine, error)

    @property
    def told(self) -> list[str]:
        return [f"{notice.part}_{notice.what}" for notice in self.heard]


@pytest.fixture
def life() -> Life:
    return Life(Port())


def test_the_first_opening_is_no_return(life: Life) -> None:
    assert life.accelerator.engine(0) is None
    assert life.accelerator.attempt()
    assert life.accelerator.engine(0) is life.port.opened[0][0]
    assert life.told == ["engine_ready"]
    assert life.heard[0].name == "tpu"


def test_a_loss_is_told_once_with_its_cause_and_so_is_the_return(life: Life) -> None:
    life.accelerator.attempt()
    life.lose()
    assert life.accelerator.engine(0) is None
    assert life.accelerator.cause == "abort"
    lost = life.heard[-1]
    assert (lost.part, lost.what, lost.why, lost.name) == (
        "tpu", "lost", "abort: it is gone", "usb:0")  # fmt: skip
    assert life.health.snapshot().states == {"tpu usb:0": "abort: it is gone"}
    assert life.accelerator.attempt()
    assert life.told == ["engine_ready", "tpu_lost", "tpu_back"]
    assert life.accelerator.cause is None
    snapshot = life.health.snapshot()
    assert snapshot.states == {}
    assert snapshot.counters == {"tpu_lost_total.abort": 1}
    assert snapshot.gauges == {"tpu.usb:0": 1, "tpu_open_s.usb:0": 0.0}


def test_how_long_the_last_opening_took_is_a_gauge(life: Life) -> None:
    life.port.meanwhile = lambda: life.clock.advance(1.5)
    life.accelerator.attempt()
    assert life.health.snapshot().gauges["tpu_open_s.usb:0"] == 1.5


def test_tries_that_fail_are_not_told_however_many_and_whatever_of(
    life: Life, caplog: pytest.LogCaptureFixture
) -> None:
    life.accelerator.attempt()
    life.lose()
    for cause in ["no_device"] * 50 + ["permission"] * 50:
        life.port.error = AcceleratorError(f"no: {cause}", cause=cause)  # type: ignore[arg-type]
        assert not life.accelerator.attempt()
    assert life.told == ["engine_ready", "tpu_lost"]
    assert life.health.snapshot().states == {"tpu usb:0": "permission: no: permission"}
    assert [record.message.split(": ")[2] for record in caplog.records] == [
        "no", "no"]  # fmt: skip
    life.port.error = None
    assert life.accelerator.attempt()
    assert life.told[-1] == "tpu_back"
    assert "101 tries" in life.heard[-1].why


def test_all_models_on_a_device_are_lost_together_and_told_once() -> None:
    life = Life(Port(models=2), users=2)
    life.accelerator.attempt()
    look, vector = life.port.opened[0]
    life.accelerator.lose(vector, GONE)
    life.accelerator.lose(look, AcceleratorError("killed with it", cause="hang"))
    assert life.accelerator.engine(0) is None
    assert life.accelerator.engine(1) is None
    assert life.told == ["engine_ready", "tpu_lost"]
    assert life.health.counted("tpu_lost_total.hang") == 0


def test_what_was_lost_is_closed_before_it_is_opened_again(life: Life) -> None:
    life.accelerator.attempt()
    life.lose()
    closed: list[bool] = []

    def look() -> None:
        with pytest.raises(AcceleratorError, match="is closed"), life.port.opened[0][0].seat():
            pass
        closed.append(True)

    life.port.meanwhile = look
    assert life.accelerator.attempt()
    assert closed == [True]


def test_a_late_word_of_an_engine_that_was_replaced_loses_nothing(life: Life) -> None:
    life.accelerator.attempt()
    life.lose()
    life.accelerator.attempt()
    life.accelerator.lose(life.port.opened[0][0], GONE)
    assert life.accelerator.engine(0) is life.port.opened[1][0]
    assert life.told.count("tpu_lost") == 1


def test_a_device_that_is_not_there_at_the_start_is_told_if_it_was_expected(life: Life) -> None:
    life.port.error = AcceleratorError("cannot be opened", cause="permission")
    life.accelerator.attempt()
    assert life.told == ["tpu_lost"]
    life.port.error = None
    life.accelerator.attempt()
    assert life.told == ["tpu_lost", "tpu_back"]


def test_a_device_that_nobody_expects_is_not_missed_until_it_was_there() -> None:
    life = Life(Port(), expected=False)
    life.port.seen = False
    life.port.error = AcceleratorError("none", cause="no_device")
    for _ in range(20):
        life.accelerator.attempt()
    assert (life.told, life.health.snapshot().states) == ([], {})
    life.port.seen, life.port.error = True, None
    life.accelerator.attempt()
    assert life.told == ["engine_ready"]
    life.lose()
    life.port.seen = False
    assert life.told == ["engine_ready", "tpu_lost"]


def test_one_that_is_seen_and_will_not_open_is_told_though_nobody_expected_it() -> None:
    life = Life(Port(), expected=False)
    life.port.error = AcceleratorError("may not", cause="permission")
    life.accelerator.attempt()
    assert life.told == ["tpu_lost"]


def test_no_device_in_sight_is_no_reason_never_to_try(life: Life) -> None:
    tried: list[int] = []
    life.port.seen, life.port.error = False, GONE
    for number in range(2 * BLIND_EVERY + 1):
        life.port.meanwhile = lambda number=number: tried.append(number)  # type: ignore[misc]
        life.accelerator.attempt()
    assert tried == [0, BLIND_EVERY, 2 * BLIND_EVERY]
    assert life.told == ["tpu_lost"]


def test_where_none_is_expected_none_is_tried_that_is_not_seen() -> None:
    life = Life(Port(), expected=False)
    life.port.seen = False
    assert not any(life.accelerator.attempt() for _ in range(3 * BLIND_EVERY))
    assert life.port.opened == []


@pytest.mark.parametrize("error", [BundleError("not as the manifest says"), ZeroDivisionError()])
def test_no_fault_ends_the_trying(life: Life, error: Exception) -> None:
    life.port.error = error
    assert not life.accelerator.attempt()
    assert life.heard[-1].why.startswith("error: ")
    life.port.error = None
    assert life.accelerator.attempt()


def test_waits_grow_to_the_longest_while_it_does_not_last(life: Life) -> None:
    life.accelerator.attempt()
    life.accelerator.start()
    for number in range(6):
        assert there(life.accelerator)
        assert len(life.bounds_s) == number
        life.lose()
    assert there(life.accelerator)
    assert life.bounds_s == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    life.accelerator.release()


def test_one_that_was_sound_for_long_is_opened_again_at_once(life: Life) -> None:
    life.accelerator.attempt()
    life.accelerator.start()
    life.clock.advance(SOUND_S)
    life.lose()
    assert there(life.accelerator)
    assert life.bounds_s == []
    life.accelerator.release()


def test_plugging_in_ends_a_wait_at_once() -> None:
    port, drawn = Port(), threading.Event()
    port.seen, port.error = False, GONE
    heard: list[Notice] = []

    def draw(_low: float, _high: float) -> float:
        drawn.set()
        return 3600.0

    accelerator = Accelerator(
        "usb:0", port.open, heard.append, Health(), ManualClock(), present=port.present, draw=draw
    )
    accelerator.start()
    assert drawn.wait(5)
    port.error, port.seen = None, True
    assert there(accelerator)
    assert [notice.what for notice in heard] == ["lost", "back"]
    accelerator.release()


def test_a_release_by_the_last_user_closes_all_and_ends_the_thread() -> None:
    life = Life(Port(models=2), users=2)
    life.accelerator.attempt()
    life.accelerator.start()
    life.accelerator.release()
    assert life.accelerator.engine(0) is not None
    life.accelerator.release()
    assert life.accelerator.engine(0) is None
    assert life.abandoned.is_set()
    assert not any(thread.name == "tpu-usb:0" for thread in threading.enumerate())
    for engine in life.port.opened[0]:
        with pytest.raises(AcceleratorError, match="is closed"), engine.seat():
            pass
    life.accelerator.release()


class Asked:
    """Somebody with more rights."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def ask(self, why: str) -> None:
        self.said.append(why)

    def withdraw(self) -> None:
        self.said.append("withdrawn")


def test_recovery_is_asked_for_where_it_can_help_and_taken_back_when_it_did() -> None:
    port, asked = Port(), Asked()
    accelerator = Accelerator(
        "usb:0", port.open, lambda _: None, Health(), ManualClock(), plea=asked
    )
    accelerator.attempt()
    engine = accelerator.engine(0)
    assert engine is not None
    accelerator.lose(engine, GONE)
    assert asked.said == []
    port.error = AcceleratorError("not mended by a power cut", cause="library")
    accelerator.attempt()
    port.error = BundleError("nor is this")
    accelerator.attempt()
    assert asked.said == []
    port.error = AcceleratorError("stuck", cause="no_device")
    accelerator.attempt()
    port.error = None
    accelerator.attempt()
    assert asked.said == ["tpu usb:0: no_device", "withdrawn"]


def test_what_nobody_uses_any_more_is_no_fault(life: Life) -> None:
    life.accelerator.attempt()
    life.accelerator.slow(0, "20 ms, usually 8 ms")
    life.lose()
    assert len(life.health.snapshot().states) == 2
    life.accelerator.release()
    assert life.health.snapshot().states == {}


def test_what_is_opened_too_late_is_closed_again(life: Life) -> None:
    life.port.meanwhile = life.accelerator.release
    assert not life.accelerator.attempt()
    assert life.accelerator.engine(0) is None
    assert life.told == []
    with pytest.raises(AcceleratorError, match="is closed"), life.port.opened[0][0].seat():
        pass


def test_slow_and_well_are_told_once_for_all_models_of_a_device() -> None:
    life = Life(Port(models=2), users=2)
    life.accelerator.attempt()
    life.accelerator.slow(0, "look takes 20 ms, usually 8 ms")
    life.accelerator.slow(1, "vector takes 9 ms, usually 3 ms")
    assert life.told == ["engine_ready", "tpu_slow"]
    assert life.health.snapshot().states == {"tpu usb:0 pace": "look takes 20 ms, usually 8 ms"}
    life.accelerator.slow(0, "")
    assert life.told == ["engine_ready", "tpu_slow"]
    life.accelerator.slow(1, "")
    assert life.told == ["engine_ready", "tpu_slow", "tpu_well"]
    assert life.health.snapshot().states == {}
