"""Runs all checks at once, each in a thread of its own, and waits for none beyond its time."""

import importlib
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from edgeagent.doctor import Check, Line, fault
from edgeagent.doctor.case import Case
from edgeagent.errors import EdgeagentError

GROUPS: Mapping[str, str] = {
    "Agent": "service",
    "Settings": "configuration",
    "Python": "packages",
    "Cameras": "cameras",
    "Rights": "rights",
    "Edge TPU": "accelerator",
    "Models": "models",
    "Broker": "broker",
    "Clock": "clock",
    "Disk": "disk",
    "Board": "board",
}
"""Title of each group, in the order of the report, and its module here."""

BROKEN = "what it needs of this installation is broken; see Python"


@dataclass(slots=True)
class _Run:
    """One check under way."""

    check: Check
    lines: list[Line] = field(default_factory=list)
    thread: threading.Thread = field(init=False)
    end_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.end_s = time.monotonic() + self.check.limit_s
        name = f"doctor-{self.check.name}"
        self.thread = threading.Thread(target=self._look, name=name, daemon=True)
        self.thread.start()

    def _look(self) -> None:
        for line in _guarded(self.check):
            self.lines.append(line)

    def outcome(self) -> list[Line]:
        """Return what it has said by its deadline, and that it was cut off if it was."""
        self.thread.join(max(self.end_s - time.monotonic(), 0.0))
        if self.thread.is_alive():
            late = f"gave no answer within {self.check.limit_s:g} s"
            return [*self.lines, fault(self.check.name, late, "see what hangs: dmesg")]
        return self.lines


def examine(case: Case, groups: Mapping[str, str] = GROUPS) -> dict[str, list[Line]]:
    """Return each group's lines; takes as long as the slowest check, at most its limit.

    Args:
        case: what to look at.
        groups: title to module in this package.
    """
    begun = {title: _begin(_checks(module, case)) for title, module in groups.items()}
    return {
        title: [line for run in runs for line in run.outcome()] for title, runs in begun.items()
    }


def run_all(checks: Iterable[Check]) -> list[list[Line]]:
    """Run ``checks`` at once; return the lines of each."""
    return [run.outcome() for run in _begin(checks)]


def _begin(checks: Iterable[Check]) -> list[_Run]:
    return [_Run(check) for check in checks]


def _checks(module: str, case: Case) -> list[Check]:
    """Return a group's checks; of one that cannot be imported, the check that says so."""
    try:
        checks: Iterable[Check] = importlib.import_module(f"edgeagent.doctor.{module}").checks(case)
        return list(checks)
    except Exception as error:  # noqa: BLE001 - a broken installation is what is looked for
        return [_unlooked(module, error)]


def _unlooked(module: str, error: Exception) -> Check:
    what = f"cannot be looked at: {error!r}"
    return Check(module, lambda: [fault(module, what, BROKEN, kind=EdgeagentError)])


def _guarded(check: Check) -> Iterator[Line]:
    """Yield the check's lines; whatever it raises becomes one, too."""
    try:
        yield from check.look()
    except EdgeagentError as error:
        for text in str(error).splitlines():
            what, _, cure = text.partition("; ")
            yield fault(check.name, what, *filter(None, [cure]), kind=error)
    except ImportError as error:
        yield fault(check.name, f"cannot be looked at: {error}", BROKEN, kind=EdgeagentError)
    except Exception as error:  # noqa: BLE001 - one broken check must not take the others along
        yield fault(check.name, f"could not be looked at: {error!r}", kind=EdgeagentError)
