"""The time: set by a server since the machine began, or what it happened to be."""

from collections.abc import Iterator
from datetime import UTC, datetime

from edgeagent.clock import Clock, SystemClock
from edgeagent.doctor import Check, Line, fault, warning, well
from edgeagent.doctor.case import Case

RELEASED = datetime(2026, 1, 1, tzinfo=UTC)
"""No machine with this file is older: a clock before it is wrong."""
CURES = (
    "timedatectl; sudo systemctl enable --now systemd-timesyncd",
    "let UDP port 123 out, or name a server in /etc/systemd/timesyncd.conf",
)


def checks(case: Case, clock: Clock | None = None) -> Iterator[Check]:
    """See the family's contract.

    Args:
        case: what to look at.
        clock: instead of the machine's.
    """
    yield Check("clock", lambda: _look(case, clock or SystemClock()))


def _look(case: Case, clock: Clock) -> Iterator[Line]:
    now = datetime.fromtimestamp(clock.wall_ms() / 1000, UTC)
    shown = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    if now < RELEASED:
        what = f"{shown} cannot be: no certificate is valid for it, and no event's time is right"
        yield fault("clock", what, *CURES)
    elif not clock.trusted():
        what = f"{shown}, not set by a time server since the machine began; events say so (tsq 0)"
        yield warning("clock", what, *CURES)
    else:
        yield well("clock", f"{shown}, set by a time server; {_own_clock(case)}")


def _own_clock(case: Case) -> str:
    names = sorted(path.name for path in (case.host.root / "sys/class/rtc").glob("rtc*"))
    return f"the machine has a clock of its own ({names[0]})" if names else "no clock of its own"
