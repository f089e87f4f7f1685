"""A GPIO pin, on gpiozero's own mock pins."""

import subprocess
import sys
import threading
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory

from edgeagent.acting.occasion import Occasion
from edgeagent.acting.pin import CURE, Pin
from edgeagent.clock import ManualClock
from edgeagent.config import ActionConfig
from edgeagent.event import Event, now

GO_ON = threading.Event()


def action(**more: Any) -> ActionConfig:  # noqa: ANN401
    return ActionConfig(**{"name": "lamp", "gpio": 17, "pulse_s": 0.05, "driver": "mock", **more})


def occasion() -> Occasion:
    return Occasion(Event("object", now(ManualClock(), "k")), 1)


class Board:
    """gpiozero's mock of a Pi's pins; may be told to refuse."""

    def __init__(self) -> None:
        self.factory = MockFactory()
        self.refusals: list[Exception] = []

    def __call__(self, driver: str) -> MockFactory:
        if self.refusals:
            raise self.refusals.pop()
        return self.factory

    def states(self, number: int = 17) -> list[bool]:
        return [state.state for state in self.factory.pin(number).states]


@pytest.mark.parametrize(("active_high", "levels"), [(True, [0, 1, 0]), (False, [1, 0, 1])])
def test_a_pulse_goes_on_and_off_and_rests_off_before_and_after(
    active_high: bool, levels: list[int]
) -> None:
    board = Board()
    pin = Pin(action(active_high=active_high), board)
    assert pin.open() == ""
    assert board.factory.pin(17).function == "output"
    rest = board.states()
    assert rest[-1] == levels[0]
    outcome = pin.do(occasion(), GO_ON)
    assert outcome.ended == "done"
    assert outcome.took_s >= 0.05
    assert board.states()[len(rest) - 1 :] == levels
    pin.close()
    pin.close()


def test_a_stop_in_the_middle_of_a_pulse_switches_off() -> None:
    board, stop = Board(), threading.Event()
    pin = Pin(action(pulse_s=600), board)
    threading.Timer(0.1, stop.set).start()
    assert pin.do(occasion(), stop).ended == "stopped"
    assert board.states()[-2:] == [1, 0]
    pin.close()


def test_a_pin_that_is_taken_is_asked_for_again_the_next_time() -> None:
    board = Board()
    board.refusals = [OSError(16, "GPIO busy"), RuntimeError()]
    pin = Pin(action(), board)
    assert pin.open() == "GPIO 17 cannot be had: RuntimeError (docs/actions.md)"
    outcome = pin.do(occasion(), GO_ON)
    assert (outcome.ended, "GPIO busy" in outcome.why) == ("failed", True)
    assert pin.do(occasion(), GO_ON).ended == "done"
    pin.close()


def test_a_pin_that_will_not_be_switched_is_said_and_let_go() -> None:
    board = Board()
    pin = Pin(action(), board)
    assert pin.open() == ""
    board.factory.pin(17).function = "input"
    assert "would not be switched" in pin.do(occasion(), GO_ON).why
    assert pin.do(occasion(), GO_ON).ended == "done"
    pin.close()


def test_the_driver_is_chosen_by_name_and_off_a_pi_it_says_what_is_missing() -> None:
    pin = Pin(action())
    assert pin.do(occasion(), GO_ON).ended == "done"
    pin.close()
    real = Pin(action(driver="lgpio"))
    assert real.open().startswith(("GPIO 17 needs gpiozero and lgpio", "GPIO 17 cannot be had"))


def test_without_gpiozero_it_says_what_to_install() -> None:
    code = f"""
import sys
import edgeagent.event, edgeagent.acting.pin as pins
from edgeagent.config import ActionConfig
assert "gpiozero" not in sys.modules
sys.modules["gpiozero"] = None
told = pins.Pin(ActionConfig(name="lamp", gpio=17)).open()
assert {CURE!r} in told, told
"""
    subprocess.run([sys.executable, "-c", code], check=True)
