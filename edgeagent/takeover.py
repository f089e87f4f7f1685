"""Brings changed settings to the running parts: at once, by opening a part again, or not yet."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgeagent.acting import Acting
from edgeagent.cameras import Cameras
from edgeagent.config import Config
from edgeagent.outbox import Outbox
from edgeagent.page import Page
from edgeagent.setting import Reload
from edgeagent.settings import Change
from edgeagent.uplink import Uplink
from edgeagent.watchdog import Watchdog


@dataclass(frozen=True, slots=True)
class TakeOver:
    """The parts that settings are for."""

    watchdog: Watchdog
    outbox: Outbox
    uplink: Uplink
    cameras: Cameras
    acting: Acting
    page: Page
    change_engines: Callable[[], None]

    def apply(self, config: Config, changed: Sequence[Change]) -> str:
        """Take over what may be taken over without a start.

        Args:
            config: the settings as they are from now on.
            changed: what is other than before.

        Returns:
            In words, what was taken over and what is kept until the next start.
        """
        parts = {c.path.partition(".")[0] for c in changed if c.reload is Reload.PART}
        self.watchdog.stuck_s = config.health.stuck_s
        self.outbox.retune(config.outbox)
        if "model" in parts:
            self.change_engines()
        self.uplink.retune(
            config, reopen=not parts.isdisjoint({"mqtt", "commands", "homeassistant"})
        )
        every = range(len(config.camera))
        anew = [number for number in every if parts & {"motion", f"camera[{number}]"}]
        self.cameras.retune(config, anew)
        self.acting.retune(config)
        self.page.retune(config, reopen="page" in parts)
        return told(changed)


def told(changed: Sequence[Change]) -> str:
    """Return what was taken over, and what is kept until the next start, in words."""
    kept = [c.path for c in changed if c.reload is Reload.START]
    taken = [c.path for c in changed if c.reload is not Reload.START]
    words = f"taken over: {', '.join(taken) or 'nothing'}"
    return f"{words}; kept until the next start: {', '.join(kept)}" if kept else words
