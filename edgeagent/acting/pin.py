"""A GPIO pin, on for a while: the only import of gpiozero, made when a pin is named."""

import contextlib
import threading
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

from edgeagent.acting.occasion import Occasion
from edgeagent.acting.outcome import Outcome
from edgeagent.config import ActionConfig

CURE = "sudo apt install python3-gpiozero python3-lgpio"
_FACTORIES = {
    "lgpio": ("gpiozero.pins.lgpio", "LGPIOFactory"),
    "mock": ("gpiozero.pins.mock", "MockFactory"),
}


def factory_of(driver: str) -> Any:  # noqa: ANN401 - gpiozero has no types
    """Return gpiozero's pin factory of that name, opened.

    Raises:
        Exception: whatever the libraries below it raise.
    """
    module, name = _FACTORIES[driver]
    return getattr(import_module(module), name)()


class Pin:
    """Pulses one pin, which rests in the off state from `open` on; see `Deed`."""

    def __init__(self, action: ActionConfig, factory: Callable[[str], Any] = factory_of) -> None:
        """Prepare.

        Args:
            action: names pin, state and length of the pulse.
            factory: gives gpiozero's pin factory for the name of a driver.
        """
        self._action, self._factory_of = action, factory
        self._factory: Any = None
        self._device: Any = None

    def open(self) -> str:
        """See `Deed.open`."""
        if self._device is not None:
            return ""
        try:
            from gpiozero import DigitalOutputDevice

            self._factory = self._factory_of(self._action.driver)
            self._device = DigitalOutputDevice(
                self._action.gpio,
                active_high=self._action.active_high,
                initial_value=False,
                pin_factory=self._factory,
            )
        except ImportError as error:
            return f"GPIO {self._action.gpio} needs gpiozero and lgpio: {CURE} ({error})"
        except Exception as error:  # noqa: BLE001  gpiozero's, lgpio's and the kernel's have no common base
            self.close()
            what = str(error) or type(error).__name__
            return f"GPIO {self._action.gpio} cannot be had: {what} (docs/actions.md)"
        return ""

    def do(self, occasion: Occasion, stop: threading.Event) -> Outcome:
        """See `Deed.do`; a pin that could not be had is asked for again."""
        if why := self.open():
            return Outcome("failed", why)
        began_s = time.monotonic()
        try:
            self._device.on()
            stopped = stop.wait(self._action.pulse_s)
            self._device.off()
        except Exception as error:  # noqa: BLE001  as in `open`
            self.close()
            return Outcome("failed", f"GPIO {self._action.gpio} would not be switched: {error}")
        took_s = round(time.monotonic() - began_s, 2)
        why = "was ended with the agent, or by a reload" if stopped else ""
        return Outcome("stopped" if stopped else "done", why, "", took_s)

    def close(self) -> None:
        """See `Deed.close`: the pin becomes an input again, as gpiozero leaves it."""
        for part in (self._device, self._factory):
            if part is not None:
                with contextlib.suppress(Exception):
                    part.close()
        self._device = self._factory = None
