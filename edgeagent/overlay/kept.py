"""The file that settings from afar are kept in, and what it holds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

FILE = "overlay.json"
"""In the state folder."""

UNREADABLE = (OSError, ValueError, RecursionError, msgspec.MsgspecError)
"""What `read` raises of a disk, or a file, that is broken: msgspec leaves bytes that are not UTF-8,
and a thousand brackets, to Python's own errors."""

Values = Mapping[str, Any]
"""``events.threshold`` to 0.5; paths as ``edgeagent check`` prints them."""


class Set(msgspec.Struct, frozen=True, omit_defaults=True):
    """Values that hold together, and whose word they are."""

    values: dict[str, Any]
    by: str
    """``order a1`` or ``desired 7``."""
    of: dict[str, str] = {}
    """The same of those that are another's word."""
    version: int = 0
    """Of the desired state that they began as; 0: none."""

    def origin(self, path: str) -> str:
        """Return whose word the value of ``path`` is."""
        return self.of.get(path, self.by)


class Tried(msgspec.Struct, frozen=True, omit_defaults=True):
    """The latest desired state that was taken up; none before it is ever again."""

    version: int
    id: str
    digest: str
    """SHA-256 of its values: another state may not come under the same version."""
    state: Literal["trying", "kept", "reverted"] = "trying"
    why: str = ""
    """Why it was reverted."""


class Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the file holds."""

    good: Set = Set({}, "")
    """What the agent has done well with."""
    trial: Set | None = None
    """What it has not yet; it replaces ``good`` as a whole."""
    spare: Set | None = None
    """What the agent has lived with for long; None where that is ``good``."""
    falls: int = 0
    """How often it ended otherwise than by being asked to while there was a spare."""
    tried: Tried | None = None

    @property
    def now(self) -> Set:
        """What is in force."""
        return self.trial or self.good


def read(folder: Path) -> Kept:
    """Return what the overlay in ``folder`` holds; nothing, where there is none.

    Raises:
        UNREADABLE: it cannot be read, or is none.
    """
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Kept)
    except FileNotFoundError:
        return Kept()
