"""A systemd unit as ``systemctl show`` tells it, and what an exit status means."""

import signal
from collections.abc import Mapping
from dataclasses import dataclass

from edgeagent.doctor.case import Ask
from edgeagent.sysfs import whole

_KEYS = (
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "Result",
    "Type",
    "NRestarts",
    "WatchdogUSec",
    "ExecMainCode",
    "ExecMainStatus",
    "ActiveEnterTimestampMonotonic",
    "User",
    "NeedDaemonReload",
)

EXITED, KILLED, DUMPED = 1, 2, 3
"""``si_code`` of a child's end, which systemd hands on as ExecMainCode (waitid(2))."""

MEANINGS: Mapping[int, str] = {
    0: "by itself, as a film's end or a stop does it",
    64: "its command was typed wrongly: see ExecStart in the unit",
    65: "the model will not do: deploy the bundle again",
    69: "something outside failed for too long (a camera, a disk); it is started anew for that",
    70: "a fault of edgeagent itself",
    75: "it was ordered to, from the broker's side",
    78: "the settings are wrong, and starting it again would not mend them",
    200: "CHDIR: its folder cannot be entered",
    203: "EXEC: the program of the unit is not there, or cannot be run",
    216: "GROUP: a group of the unit does not exist: sudo systemd-sysusers",
    217: "USER: the unit's user does not exist: sudo systemd-sysusers",
    218: "CAPABILITIES: not given here, as in some containers",
    226: "NAMESPACE: a folder that the unit names is missing, or a sandbox is not given here",
    238: "STATE_DIRECTORY: /var/lib/edgeagent cannot be made or entered",
    233: "RUNTIME_DIRECTORY: /run/edgeagent cannot be made or entered",
    243: "CREDENTIALS: /etc/edgeagent/credentials cannot be read",
}
"""Exit statuses of errors.py's tree, and those of systemd's own (systemd.exec(5))."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit, as of now."""

    load: str
    """``loaded``, ``not-found``, ``masked``, ``bad-setting``."""
    active: str
    """``active``, ``activating``, ``inactive``, ``failed``, ``deactivating``, ``reloading``."""
    sub: str
    """``running``; ``auto-restart`` while it waits for its next start."""
    enabled: str
    """``enabled``, ``disabled``, ``static``, ``linked``."""
    result: str
    """``success``, ``exit-code``, ``watchdog``, ``oom-kill``, ``timeout``, ``signal``."""
    kind: str
    """``notify``: it says by itself when it is ready."""
    restarts: int
    """How often systemd has started it anew since somebody last did."""
    watchdog_s: float
    """0: none."""
    code: int
    status: int
    """How its process ended last: see `ended`."""
    since_s: float
    """When it became active, in seconds since the kernel began; 0: never."""
    user: str
    needs_reload: bool
    """Its file is another than systemd has read."""

    @property
    def ended(self) -> str:
        """How its process ended last, in words; "" where it has not."""
        if self.result == "oom-kill":
            return "killed by the kernel, which had no memory left"
        if self.result == "watchdog":
            return "killed by systemd's watchdog: a part of it was stuck"
        if self.code in (KILLED, DUMPED):
            return f"killed by {_signal(self.status)}"
        if self.code != EXITED:
            return ""
        return f"ended with status {self.status}: {MEANINGS.get(self.status, 'see its log')}"


def read_unit(name: str, ask: Ask) -> Unit | None:
    """Return the unit ``name``; None where no systemd answers."""
    answer = ask(["systemctl", "show", f"{name}.service", f"--property={','.join(_KEYS)}"])
    told = dict(line.split("=", 1) for line in answer.out.splitlines() if "=" in line)
    if answer.status != 0 or "LoadState" not in told:
        return None
    return Unit(
        load=told["LoadState"],
        active=told.get("ActiveState", ""),
        sub=told.get("SubState", ""),
        enabled=told.get("UnitFileState", ""),
        result=told.get("Result", ""),
        kind=told.get("Type", ""),
        restarts=_whole(told.get("NRestarts")),
        watchdog_s=_seconds(told.get("WatchdogUSec", "")),
        code=_whole(told.get("ExecMainCode")),
        status=_whole(told.get("ExecMainStatus")),
        since_s=_whole(told.get("ActiveEnterTimestampMonotonic")) / 1e6,
        user=told.get("User", ""),
        needs_reload=told.get("NeedDaemonReload") == "yes",
    )


def _whole(text: str | None) -> int:
    return whole(text or "") or 0


_UNITS_S: Mapping[str, float] = {"us": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600, "d": 86400}


def _seconds(text: str) -> float:
    """Return what ``1min 30s``, systemd's own way to write a time, comes to."""
    total_s = 0.0
    for word in text.split():
        number = word.rstrip("abcdefghijklmnopqrstuvwxyz")
        if number.replace(".", "", 1).isdecimal():
            total_s += float(number) * _UNITS_S.get(word[len(number) :], 0)
    return total_s


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
