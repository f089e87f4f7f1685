"""Is what a bench would open held by an agent that runs here? Asked, not guessed."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeagent.errors import EdgeagentError, RetryError
from edgeagent.sysfs import whole

Ask = Callable[[], Mapping[str, Any] | None]
"""Returns the agent's answer to ``holds``, see `desk.Desk`; None: no agent listens there.

Raises:
    EdgeagentError: one does, and does not say.
"""


@dataclass(frozen=True, slots=True)
class Wants:
    """What a bench would open that only one process can have."""

    ports: Sequence[str] = ()
    """Of Edge TPUs; "": one whose place is not known."""
    file: Path | None = None
    """What it plays; a device, perhaps."""

    @property
    def anything(self) -> bool:
        """Whether there is such a thing at all."""
        return bool(self.ports) or self.device is not None

    @property
    def device(self) -> Path | None:
        """The file where it is a camera's device."""
        is_device = self.file is not None and self.file.is_char_device()
        return self.file if is_device else None


def assert_free(wants: Wants, ask: Ask, ledgers: Sequence[Path] = ()) -> tuple[str, ...]:
    """See that no agent holds what is wanted.

    Args:
        wants: what the bench would open.
        ask: asks the agent.
        ledgers: files that an agent which does not listen holds locked.

    Returns:
        What a reader of the figures must know, where an agent runs beside.

    Raises:
        RetryError: an agent holds it, or may hold it and cannot be asked.
    """
    try:
        held = ask()
    except EdgeagentError as error:
        return _unsure(wants, f"an agent may run here ({error})")
    if held is None:
        pid = next(filter(None, map(lock_holder, ledgers)), 0)
        return (
            _unsure(wants, f"an agent that does not listen runs here (process {pid})")
            if pid
            else ()
        )
    for what in _shared(wants, held):
        raise RetryError(f"{what} is held by {who(held)}: {cure(held)}")
    return (f"{who(held)} ran meanwhile: the machine was shared, and the figures with it",)


def _unsure(wants: Wants, why: str) -> tuple[str, ...]:
    if wants.anything:
        raise RetryError(f"{why}, and may hold what is to be measured; {ALONE}")
    return (f"{why}: the machine was shared, and the figures with it",)


ALONE = "stop it (systemctl stop edgeagent), or measure on the CPU with --device cpu"


def _shared(wants: Wants, held: Mapping[str, Any]) -> Iterator[str]:
    """Yield what of ``wants`` the agent has, in words."""
    ports = {str(tpu["port"]): str(tpu["name"]) for tpu in held["tpus"]}
    for port in wants.ports:
        if ports and ("" in (port, *ports) or port in ports):
            yield f"Edge TPU {ports.get(port) or next(iter(ports.values()))}"
    for name, address in held["cameras"].items():
        if wants.device is not None and _is_same(wants.device, Path(address)):
            yield f"{wants.device}, camera {name},"


def _is_same(one: Path, other: Path) -> bool:
    try:
        return os.path.samestat(one.stat(), other.stat()) or _is_node(one, other)
    except OSError:
        return False


def _is_node(one: Path, other: Path) -> bool:
    """Return whether they are two files of one device."""
    return other.is_char_device() and one.stat().st_rdev == other.stat().st_rdev


def who(held: Mapping[str, Any]) -> str:
    """Return which agent it is, in words."""
    return f"{held['unit'] or 'an edgeagent'} (process {held['pid']})"


def cure(held: Mapping[str, Any]) -> str:
    """Return what to type."""
    unit = str(held["unit"]).removesuffix(".service")
    stop = f"systemctl stop {unit}" if unit else f"kill {held['pid']}"
    return f"stop it first ({stop}), or ask it for its own times: edgeagent bench --live"


def lock_holder(path: Path, locks: Path = Path("/proc/locks")) -> int:
    """Return which process has locked ``path`` with flock(2), 0 for none or where that is not told.

    To try the lock would be simpler, and an agent that begins just then would find it taken.
    """
    try:
        found, lines = path.stat(), locks.read_text(errors="replace").splitlines()
    except OSError:
        return 0
    mine = "FLOCK", f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    rows = (line.split() for line in lines)
    holders = (whole(row[4]) for row in rows if len(row) > 5 and (row[1], row[5]) == mine)
    return next(holders, 0) or 0
