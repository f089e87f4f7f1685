"""What stands between a user and a running agent, looked at group by group, each within its time.

* ``service.py`` ``unit.py``        the unit, the agent's own word, the journal
* ``configuration.py``              the settings file, and the secrets it names
* ``packages.py`` ``imports.py``    Python and what was built for it, tried in a throw-away child
* ``cameras.py`` ``glimpse.py``     a frame of each camera, or the agent's word on it
* ``rights.py``                     what the service's user may open
* ``accelerator.py`` ``models.py``  Edge TPUs; the bundles, run once
* ``broker.py`` ``clock.py``        from the name to the broker's welcome; the time
* ``disk.py`` ``board.py``          where events are kept; heat, power, memory
* ``case.py`` ``amounts.py``        what the checks may read; figures in words
* ``examine.py`` ``report.py``      all of them at once; told to people and to programs

The family's contract: a group is a module with ``checks(case)``, which gives its checks and looks
at nothing yet. A check yields a line for each thing it has found out, as it finds it: what it has
said is kept when it is cut off. It reads only what its case gives it, changes nothing on the
machine, and leaves every error from errors.py's tree to whoever runs it.

Where a package is broken, the groups that need it say so, and the others do their work.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from edgeagent.errors import EdgeagentError, RetryError

if TYPE_CHECKING:
    from edgeagent.bulletin import State

Level = Literal["ok", "warning", "fault"]

LIMIT_S = 10.0
"""A check that says nothing else of itself has so long."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at."""

    name: str
    level: Level
    what: str
    """In a sentence, with figures."""
    cures: tuple[str, ...] = ()
    """What to type or to do, in this order."""
    status: int = 0
    """Of a fault: how the agent ends because of it, by errors.py's tree."""


def well(name: str, what: str) -> Line:
    """Return a line that needs nobody's attention."""
    return Line(name, "ok", what)


def warning(name: str, what: str, *cures: str) -> Line:
    """Return a line that somebody should read; the agent runs in spite of it."""
    return Line(name, "warning", what, cures)


def fault(
    name: str, what: str, *cures: str, kind: type[EdgeagentError] | EdgeagentError = RetryError
) -> Line:
    """Return a line that stands in the way; ``kind`` is the error that the agent would meet."""
    return Line(name, "fault", what, cures, kind.exit_status)


def judged(name: str, told: str, state: "State", kind: type[EdgeagentError] = RetryError) -> Line:
    """Return the line of a state that `edgeagent.diagnosis` has judged, the figures before it."""
    if state.level == "ok":
        return well(name, told)
    what, cures = f"{told}: {state.why}", tuple(filter(None, state.cure.split("; ")))
    if state.level == "fault":
        return fault(name, what, *cures, kind=kind)
    return warning(name, what, *cures)


@dataclass(frozen=True, slots=True)
class Check:
    """One look, which may hang or break without harm to the others."""

    name: str
    look: Callable[[], Iterable[Line]]
    limit_s: float = LIMIT_S
    """It is given up after so long. A child that it waits for has less."""
