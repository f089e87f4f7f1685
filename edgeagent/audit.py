"""What was ordered of this device and what it did, line by line, each sealed by the one after it.

Every line holds the SHA-256 of the line before. Whoever has the last line's digest and its number,
which go out with each answer, can tell later whether a line before it was changed, cut or put in.
"""

import errno
import hashlib
import logging
import os
import stat
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec

from edgeagent.atomic import sync_folder
from edgeagent.clock import Clock
from edgeagent.errors import UsageError

_log = logging.getLogger(__name__)

FILE, OLDER = "audit.log", "audit-1.log"
"""In the state folder: the lines that are added to, and those before them."""
MAX_BYTES = 262_144
"""Size at which the file becomes the older one, and that one goes: some 1,000 lines are kept."""
NOTHING = "0" * 64
"""Stands for the digest of the line before the first."""


class Head(NamedTuple):
    """The last line's digest, and how many lines there were: what a log is held to later."""

    digest: str
    """SHA-256 of the line without its end, 64 hex digits."""
    length: int

    def __str__(self) -> str:
        return f"{self.digest}:{self.length}"


NONE = Head(NOTHING, 0)
"""Of a log in which nothing stands yet."""


class Audit:
    """The log of one state folder, added to by one process. Any thread may call."""

    def __init__(self, folder: Path, clock: Clock, max_bytes: int = MAX_BYTES) -> None:
        """Find where it ends; a last line that a power cut tore is cut off.

        Args:
            folder: the state folder.
            clock: says when.
            max_bytes: see `MAX_BYTES`.
        """
        self._path, self._older = folder / FILE, folder / OLDER
        self._clock, self._max_bytes = clock, max_bytes
        self._lock = threading.Lock()
        self.head = NONE
        """As it goes out with answers."""
        self.fault = ""
        """Why it cannot be believed, or not be read; "" where it can."""
        try:
            _cut_torn(self._path)
            story = check(folder)
        except OSError as error:
            self.fault = f"{self._path}: {error.strerror or error}"
        else:
            self.head, self.fault = story.head, story.fault
        if self.fault:
            _log.warning("audit log: %s", self.fault)

    def add(self, what: str, said: Mapping[str, Any]) -> None:
        """Write one line, and sync it, before what it tells of is done or answered.

        Args:
            what: ``begun``, ``done``, ``failed`` or ``refused``.
            said: what else is in it; JSON can hold it.

        Raises:
            OSError: the disk is full or read-only; nothing was added.
        """
        with self._lock:
            when = {"ts": self._clock.wall_ms(), "tsq": int(self._clock.trusted())}
            number = self.head.length + 1
            line = {"n": number, "prev": self.head.digest, **when, "what": what, **said}
            data = msgspec.json.encode(line)
            self._make_room(len(data) + 1)
            _append(self._path, data + b"\n")
            self.head = Head(_digest(data), number)

    def _make_room(self, bytes_wanted: int) -> None:
        try:
            size = self._path.stat().st_size
        except FileNotFoundError:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return
        if size and size + bytes_wanted > self._max_bytes:
            self._path.replace(self._older)
            sync_folder(self._path.parent)


def _append(path: Path, data: bytes) -> None:
    """Add ``data`` to the file whole and synced, or not at all."""
    is_new = not path.exists()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(handle).st_size
        try:
            if os.write(handle, data) != len(data):
                raise OSError(errno.ENOSPC, "No space left on device")
            os.fsync(handle)
        except OSError:
            with suppress(OSError):
                os.ftruncate(handle, size)
            raise
    finally:
        os.close(handle)
    if is_new:
        sync_folder(path.parent)


def _cut_torn(path: Path) -> None:
    """Take away what stands after the last end of a line: nothing was done upon it."""
    try:
        data = _whole(path)
    except FileNotFoundError:
        return
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        _log.warning("%s: a torn last line is cut off", path)
        os.truncate(path, whole)


def _whole(path: Path) -> bytes:
    """Return the file; what cannot be a log of ours is not read into memory.

    Raises:
        OSError: it is not there, cannot be read, or is something else.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode) or found.st_size > 4 * MAX_BYTES:
        raise OSError(errno.EFBIG, "it is no file, or larger than a log can be")
    return path.read_bytes()


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


@dataclass
class Story:
    """What the files of one log come to."""

    first: int = 0
    """Number of the first line that is kept; 0: there is none."""
    head: Head = NONE
    fault: str = ""
    """Where it breaks first, and how; "": nowhere."""
    digests: dict[int, str] = field(default_factory=dict)
    """Of each line that is kept, and of the one before them."""

    def take(self, where: str, line: bytes) -> None:
        """Take in the next line, and judge it by the one before."""
        number, before = _read(line)
        if not self.first:
            self.first = number or 1
            self.head = Head(before, self.first - 1)
            self.digests[self.first - 1] = before
            if self.first == 1 and before != NOTHING:
                self._breaks(where, "it is the first, and names one before it")
        if not number:
            self._breaks(where, "it is no line of an audit log")
        elif number != self.head.length + 1:
            self._breaks(where, f"it is line {number}, and {self.head.length + 1} is due")
        elif before != self.head.digest:
            self._breaks(where, f"line {number - 1} is not the one it was written after")
        self.head = Head(_digest(line), number or self.head.length + 1)
        self.digests[self.head.length] = self.head.digest

    def _breaks(self, where: str, why: str) -> None:
        self.fault = self.fault or f"{where}: {why}"

    def hold_to(self, head: Head) -> None:
        """Judge it by a head that came out of the device at some time.

        Raises:
            UsageError: that line is not kept any more.
        """
        if head.length > self.head.length:
            self._breaks("its end", f"there were {head.length} lines, there are {self.head.length}")
            return
        if head.length < self.first - 1:
            told = f"lines before {self.first} are not kept any more"
            raise UsageError(f"line {head.length} cannot be compared: {told}; name a later one")
        if head.length and self.digests.get(head.length) != head.digest:
            self._breaks(f"line {head.length}", "it was another one when its digest was told")


def _read(line: bytes) -> tuple[int, str]:
    """Return a line's number and the digest it holds; 0 where it is none."""
    try:
        told = msgspec.json.decode(line, type=_Line)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return 0, NOTHING
    return told.n, told.prev


class _Line(msgspec.Struct):
    n: Annotated[int, msgspec.Meta(ge=1, le=1 << 53)]
    prev: str


def check(folder: Path) -> Story:
    """Read all that is kept in ``folder``, and find where it breaks first.

    Raises:
        OSError: a file cannot be read.
    """
    story = Story()
    for where, line in _lines(folder):
        story.take(where, line)
    if story.first > 1 and not (folder / OLDER).exists():
        story.fault = f"{folder / OLDER}: it is missing; {FILE} begins with line {story.first}"
    return story


def _lines(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in (folder / OLDER, folder / FILE):
        try:
            data = _whole(path)
        except FileNotFoundError:
            continue
        for number, line in enumerate(data.split(b"\n")[:-1], 1):
            yield f"{path}:{number}", line


def head_of(text: str) -> Head:
    """Return the head that ``HEAD:LENGTH`` says.

    Raises:
        UsageError: it is none.
    """
    digest, _, length = text.partition(":")
    is_digest = len(digest) == len(NOTHING) and not set(digest) - set("0123456789abcdef")
    if not (is_digest and length.isascii() and length.isdecimal()):
        raise UsageError(f"{text!r} is not HEAD:LENGTH: 64 hex digits, a colon, how many lines")
    return Head(digest, int(length))
