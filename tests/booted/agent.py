"""Stands for the agent in scripts/proof-recover: asks, hears, then tries what it may not do.

Run by the agent's own unit, as its user and in its sandbox; prints one line for each thing.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

from edgeagent.edgetpu.outcome import OUTCOME, OUTCOMES, REQUEST
from edgeagent.edgetpu.recovery import SPENT_EVERY_S, Recovery

RUNTIME = Path("/run/edgeagent")


def say(*words: object) -> None:
    print(*words, flush=True)


def ask(recovery: Recovery) -> None:
    """Ask once and wait for what comes of it."""
    asked = recovery.ask("usb:0 does not open", "usb:0")
    until_s = time.monotonic() + 10
    while recovery.listen("usb:0") is None and time.monotonic() < until_s:
        time.sleep(0.02)
    say("asked", asked, "left", (RUNTIME / REQUEST).exists())


def may(what: str, deed: Callable[[], object]) -> None:
    try:
        deed()
        say("may", what)
    except OSError:
        say("may not", what)


def main() -> None:
    say("user", os.getuid() != 0)
    hours = iter(range(0, 10_000_000, round(SPENT_EVERY_S)))
    recovery = Recovery(RUNTIME, lambda notice: say(notice.why), lambda: float(next(hours)))
    for _ in range(3):
        ask(recovery)
    (RUNTIME / REQUEST).symlink_to("/etc/shadow")
    time.sleep(3)
    say("link left", (RUNTIME / REQUEST).is_symlink())
    may("write the outcome", lambda: (OUTCOMES / OUTCOME).write_text("mine"))
    may("write the steps", lambda: Path("/etc/edgeagent/recover.toml").open("a").close())
    say("end")
    time.sleep(3600)


if __name__ == "__main__":
    main()
