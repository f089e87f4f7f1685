"""Does the agent run, and will it tomorrow: its unit, its own word, its log."""

from collections.abc import Iterator, Mapping
from typing import Any

from edgeagent import __version__
from edgeagent.doctor import Check, Line, fault, warning, well
from edgeagent.doctor.amounts import duration
from edgeagent.doctor.case import SERVICE, Case
from edgeagent.doctor.unit import Unit, read_unit
from edgeagent.errors import EdgeagentError, FileError, ModelError, RetryError, UsageError

LOG = f"journalctl -u {SERVICE} -n 50"
_KINDS: Mapping[int, type[EdgeagentError]] = {
    kind.exit_status: kind for kind in (FileError, ModelError, UsageError, EdgeagentError)
}
_FIRST: Mapping[int, tuple[str, ...]] = {
    78: (f"edgeagent check, then: sudo systemctl restart {SERVICE}",),
    65: ("edgeagent models lists the bundles; install the release again",),
    216: ("sudo systemd-sysusers",),
    217: ("sudo systemd-sysusers",),
}
OTHERS = ("camera.", "clock", "disk", "link", "temperature")
"""Parts that another group looks at by itself."""


def checks(case: Case) -> Iterator[Check]:
    """See the family's contract."""
    yield Check("unit", lambda: _unit(case))
    yield Check("agent", lambda: _agent(case))
    yield Check("journal", lambda: _journal(case))


def _unit(case: Case) -> Iterator[Line]:
    unit = read_unit(SERVICE, case.host.ask)
    if unit is None:
        yield _without(case, "no systemd answers here", "run it by hand: edgeagent run")
    elif unit.load != "loaded":
        yield _without(case, f"no unit {SERVICE} is installed ({unit.load})", _INSTALL)
    else:
        yield from _loaded(unit, case)


_INSTALL = "sudo scripts/install, from a clone or a wheelhouse"


def _without(case: Case, what: str, cure: str) -> Line:
    if case.agent is None:
        return fault("unit", what, cure)
    return warning("unit", f"{what}: after a restart of the machine nothing begins the agent", cure)


def _loaded(unit: Unit, case: Case) -> Iterator[Line]:
    if unit.active == "active":
        yield from _active(unit, case)
    elif unit.sub == "auto-restart" or unit.active == "failed":
        first = _FIRST.get(unit.status, ()) if unit.code == 1 else ()
        kind = _KINDS.get(unit.status, RetryError) if unit.code == 1 else RetryError
        told = f"{_state(unit)}: {unit.ended or unit.result}"
        yield fault("unit", told, *first, LOG, kind=kind)
    else:
        cure = f"sudo systemctl start {SERVICE}"
        yield fault("unit", _state(unit), cure, LOG)
    yield from _set_up(unit)


def _state(unit: Unit) -> str:
    return unit.active if unit.sub in ("", unit.active) else f"{unit.active} ({unit.sub})"


def _active(unit: Unit, case: Case) -> Iterator[Line]:
    up_s = _uptime_s(case) - unit.since_s
    told = f"active for {duration(max(up_s, 0.0))}, {unit.enabled}, Type={unit.kind}"
    watched = f", watchdog {unit.watchdog_s:g} s" if unit.watchdog_s else ""
    if unit.restarts:
        often = f"started anew {unit.restarts} times by systemd"
        yield warning("unit", f"{told}{watched}; {often}; {unit.ended}".rstrip("; "), LOG)
    else:
        yield well("unit", told + watched)


def _set_up(unit: Unit) -> Iterator[Line]:
    if unit.enabled not in ("enabled", "enabled-runtime"):
        cure = f"sudo systemctl enable {SERVICE}"
        what = f"{unit.enabled or 'not enabled'}: it does not start with the machine"
        yield warning("unit", what, cure)
    if unit.kind != "notify" or not unit.watchdog_s:
        what = f"Type={unit.kind}, watchdog {unit.watchdog_s:g} s: nobody sees if it hangs"
        yield warning("unit", what, "take the unit that ships: sudo scripts/install")
    if unit.needs_reload:
        yield warning("unit", "its file has changed since systemd read it", _RELOAD)


_RELOAD = f"sudo systemctl daemon-reload && sudo systemctl restart {SERVICE}"


def _uptime_s(case: Case) -> float:
    return case.host.uptime_s or 0.0


def _agent(case: Case) -> Iterator[Line]:
    if case.refused:
        yield warning("agent", case.refused, "sudo edgeagent doctor")
    elif case.agent is None:
        # What to type for a service stands at its unit.
        by_hand = () if case.who.name == SERVICE else (f"edgeagent run --config {case.file}",)
        yield fault("agent", f"none answers in {case.runtime}", *by_hand)
    else:
        yield from _answering(case.agent)


def _answering(agent: Mapping[str, Any]) -> Iterator[Line]:
    pending, up = agent.get("outbox", {}).get("pending", 0), duration(agent.get("up_s", 0.0))
    told = f"{agent.get('version', '')} answers, up {up}, {pending:,} events to send"
    if agent.get("version") != __version__:
        cure = f"sudo systemctl restart {SERVICE}"
        yield warning("agent", f"{told}; this command is of {__version__}", cure)
    else:
        yield well("agent", told)
    for part in agent.get("states", agent.get("faults", {})):
        if not part.startswith(OTHERS) and (line := told_of(agent, part, part)):
            yield line


def told_of(agent: Mapping[str, Any], part: str, name: str) -> Line | None:
    """Return what the running agent says is wrong with ``part``; None where nothing is.

    Its word alone is a warning, for it runs, and works on it: the fault itself, if it is one, is
    what the group concerned finds.
    """
    if "states" not in agent:
        why = agent.get("faults", {}).get(part)
        return warning(name, f"the agent says: {why}") if why else None
    state = agent["states"].get(part, {})
    if state.get("level", "ok") == "ok":
        return None
    cures = filter(None, state.get("cure", "").split("; "))
    return warning(name, f"the agent says: {state.get('why', '')}", *cures)


def _journal(case: Case) -> Iterator[Line]:
    root = case.host.root
    if any((root / "var/log/journal").glob("*")):
        yield well("journal", "kept on the disk, through restarts of the machine")
    elif (root / "run/log/journal").is_dir():
        yield well("journal", "kept in memory, which spares the card; gone when the machine stops")
    elif (root / "run/systemd/system").is_dir():
        yield warning("journal", "no journal can be seen here", "sudo edgeagent doctor")
