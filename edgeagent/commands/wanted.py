"""Is what came on ``cfg/desired`` a desired state at all, and is it a newer one."""

import hashlib
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from edgeagent.commands.judging import ID_MAX
from edgeagent.errors import UsageError
from edgeagent.overlay import Tried

MAX_BYTES = 4096
"""Longest state that is read: all settings that may be set take half of it."""
VALUES_MAX = 64
VERSION_MAX = (1 << 53) - 1
"""Largest number that every reader of JSON has exactly."""


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What came on ``cfg/desired``."""

    version: Annotated[int, Meta(ge=1, le=VERSION_MAX)]
    id: Annotated[str, Meta(pattern=rf"^[A-Za-z0-9_.:-]{{1,{ID_MAX}}}$")]
    values: Annotated[dict[str, Any], Meta(max_length=VALUES_MAX)]
    """All that is set from afar; null, or left out: as the settings file says."""

    @property
    def named(self) -> dict[str, Any]:
        """Those that are not null."""
        return {path: value for path, value in self.values.items() if value is not None}

    @property
    def digest(self) -> str:
        """SHA-256 of the values, in whatever order they came."""
        return hashlib.sha256(msgspec.json.encode(self.named, order="sorted")).hexdigest()


def parsed(payload: bytes) -> Wanted:
    """Return what ``payload`` says.

    Raises:
        UsageError: it is no desired state, and why.
    """
    if len(payload) > MAX_BYTES:
        raise UsageError(f"it is longer than {MAX_BYTES} bytes")
    try:
        return msgspec.json.decode(payload, type=Wanted)
    except msgspec.ValidationError as error:
        raise UsageError(f"{error}; it has version, id and values, as the docs say") from None
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise UsageError("it is not JSON") from None


def is_known(wanted: Wanted, tried: Tried | None) -> bool:
    """Return whether it is the latest that was tried, said again.

    Raises:
        UsageError: it is older, or another one under the same version.
    """
    if tried is None or wanted.version > tried.version:
        return False
    if wanted.version < tried.version:
        raise UsageError(
            f"version {wanted.version} is lower than {tried.version}, which was tried; "
            "give a higher one"
        )
    if wanted.digest != tried.digest:
        raise UsageError(f"version {tried.version} had other values before; give a higher one")
    return True
