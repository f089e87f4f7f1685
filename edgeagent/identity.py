"""Who speaks: the name of this boot, how the boot before it ended, and the id shown to a broker."""

import hashlib
import hmac
import logging
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec

from edgeagent.atomic import write_whole
from edgeagent.errors import DAMAGED

_log = logging.getLogger(__name__)

_FILE = "boot.json"
_MACHINE_ID = Path("/etc/machine-id")


class Identity(NamedTuple):
    """What makes one message like no other, and says which ones may still be missing."""

    device: str
    boot: str
    seq: int
    low: int
    """Lowest seq of the same boot that is still to come."""


class _Kept(msgspec.Struct, frozen=True):
    """What the state folder holds between two boots."""

    n: Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]
    boot: Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z-]{0,36}\Z")]
    kernel: str
    clean: bool


@dataclass(frozen=True, slots=True)
class Boot:
    """One start of the agent, named ``<n>-<r>``: a kept counter and 32 random bits."""

    name: str
    previous: str
    """Name of the boot before, "" where there was none."""
    ended: str
    """How it ended: ``clean``, ``killed``, ``power``, or ``none`` where there was none."""
    fault: str
    """Why the counter could not be kept (a full or read-only disk), "" where it was."""
    _folder: Path
    _kept: _Kept

    def end(self) -> None:
        """Mark a clean stop, the last thing a stopping agent does. Does not raise."""
        try:
            _keep(self._folder, msgspec.structs.replace(self._kept, clean=True))
        except OSError as error:
            _log.warning("%s: the clean stop could not be marked: %s", self._folder, error)


def begin_boot(folder: Path, kernel: str) -> Boot:
    """Name this boot and keep the name, synced, before its first event.

    A disk that cannot be written is no reason not to look: the counter then stands still, and the
    random half alone tells the boots apart.

    Args:
        folder: the state folder; made where it is missing.
        kernel: `clock.kernel_boot`; "" makes an unclean end count as ``power``, the worse case.
    """
    before = _read(folder)
    n = before.n + 1 if before else 1
    kept = _Kept(n, f"{n}-{secrets.token_hex(4)}", kernel, clean=False)
    fault = ""
    try:
        _keep(folder, kept)
    except OSError as error:
        fault = f"{folder}: the boot counter cannot be kept: {error.strerror or error}"
    previous = before.boot if before else ""
    return Boot(kept.boot, previous, _ended(before, kernel), fault, folder, kept)


def _ended(before: _Kept | None, kernel: str) -> str:
    if before is None:
        return "none"
    if before.clean:
        return "clean"
    return "killed" if kernel and before.kernel == kernel else "power"


def _read(folder: Path) -> _Kept | None:
    path = folder / _FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Kept)
    except FileNotFoundError:
        return None
    except DAMAGED as error:
        _log.warning("%s cannot be read, boots are counted from 1 again: %s", path, error)
        return None


def _keep(folder: Path, kept: _Kept) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / _FILE, msgspec.json.encode(kept))


def client_id(folder: Path, machine_id: Path = _MACHINE_ID) -> str:
    """Return 16 hex digits for the broker: an HMAC-SHA256, so the machine-id never leaves.

    Args:
        folder: the state folder; keeps a random id for machines that have none.
        machine_id: see machine-id(5).
    """
    try:
        secret = machine_id.read_text().strip()
    except (OSError, ValueError):
        secret = ""
    secret = secret or _own_id(folder)
    return hmac.new(secret.encode(), b"edgeagent", hashlib.sha256).hexdigest()[:16]


def _own_id(folder: Path) -> str:
    path = folder / "client-id"
    try:
        kept = path.read_text().strip()
        if kept:
            return kept
    except (OSError, ValueError):
        pass
    fresh = secrets.token_hex(16)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, fresh.encode())
    except OSError as error:
        _log.warning("%s: the client id will change at the next start: %s", path, error)
    return fresh
