"""A disk that remembers what was done to it, and what a power cut could have left of that.

It is a full member of the family and works on real files: the tests, and `scripts/bench outbox`,
replay any prefix of its writes.
"""

import os
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from edgeagent.outbox.disk_fake import SmallDisk

SECTOR_BYTES = 512
"""What a disk writes whole or not at all."""


class Op(NamedTuple):
    """One thing done to a disk."""

    what: Literal["make", "write", "cut", "remove", "sync", "sync_folder"]
    name: str
    """Of the file within its folder."""
    at: int = 0
    """Offset of what was written, or the size cut to."""
    data: bytes = b""


class PowerDisk(SmallDisk):
    """A disk that remembers what was done to it, to tell what a power cut could have left."""

    def __init__(self, room_bytes: int = 1 << 40, memory: Path | None = None) -> None:
        """See `SmallDisk`; of what is in ``memory`` a power cut leaves nothing."""
        super().__init__(room_bytes, memory)
        self.ops: list[Op] = []

    def open(self, path: Path, flags: int) -> int:
        """See `Disk.open`."""
        is_new = not path.exists()
        fd = super().open(path, flags)
        if is_new:
            self._note(path, Op("make", path.name))
        elif flags & os.O_TRUNC:
            self._note(path, Op("cut", path.name))
        return fd

    def _note(self, file: Path | int, op: Op) -> None:
        if not self.is_in_memory(file):
            self.ops.append(op)

    def write(self, fd: int, data: bytes) -> int:
        """See `Disk.write`."""
        at = os.fstat(fd).st_size
        written = super().write(fd, data)
        self._note(fd, Op("write", _name(fd), at, bytes(data[:written])))
        return written

    def write_at(self, fd: int, data: bytes, at: int) -> int:
        """See `Disk.write_at`."""
        written = super().write_at(fd, data, at)
        self._note(fd, Op("write", _name(fd), at, bytes(data[:written])))
        return written

    def cut(self, fd: int, size: int) -> None:
        """See `Disk.cut`."""
        super().cut(fd, size)
        self._note(fd, Op("cut", _name(fd), size))

    def remove(self, path: Path) -> None:
        """See `Disk.remove`."""
        super().remove(path)
        self._note(path, Op("remove", path.name))

    def sync(self, fd: int) -> None:
        """See `Disk.sync`."""
        super().sync(fd)
        self._note(fd, Op("sync", _name(fd)))

    def sync_folder(self, folder: Path) -> None:
        """See `Disk.sync_folder`."""
        super().sync_folder(folder)
        self.ops.append(Op("sync_folder", folder.name))


def _name(fd: int) -> str:
    return Path(f"/proc/self/fd/{fd}").readlink().name


@dataclass(slots=True)
class _File:
    kept: bytearray = field(default_factory=bytearray)
    """What no power cut takes."""
    loose: list[Op] = field(default_factory=list)
    """Done since the last sync, in order."""


class Platter:
    """What is for certain on a disk after some `Op`, and what may be or may not be.

    A sync of a file settles its bytes, a sync of the folder settles which files there are. In
    between a cut leaves any choice of the sectors written to a file, in whatever order they were
    written, and any beginning of what was done to the folder, which a file system journals.
    """

    def __init__(self, files: Mapping[str, bytes] | None = None) -> None:
        """Begin with files that are there for certain."""
        self._there = {name: _File(bytearray(data)) for name, data in (files or {}).items()}
        self._files = {name: [file] for name, file in self._there.items()}
        self._loose: list[tuple[str, _File | None]] = []

    def apply(self, op: Op) -> None:
        """Let one more thing have been done."""
        if op.what == "make":
            file = _File()
            self._files.setdefault(op.name, []).append(file)
            self._loose.append((op.name, file))
        elif op.what == "remove":
            self._loose.append((op.name, None))
        elif op.what == "sync_folder":
            self._there = self._folder_after(len(self._loose))
            self._loose.clear()
        elif op.what == "sync":
            self._settle(self._files[op.name][-1])
        else:
            self._files[op.name][-1].loose.append(op)

    def _settle(self, file: _File) -> None:
        for op in file.loose:
            _do(file.kept, op)
        file.loose.clear()

    def _folder_after(self, steps: int) -> dict[str, _File]:
        there = dict(self._there)
        for name, file in self._loose[:steps]:
            if file is None:
                there.pop(name, None)
            else:
                there[name] = file
        return there

    def after_cut(self, chance: random.Random) -> dict[str, bytes]:
        """Return name and content of each file as one possible power cut leaves them."""
        there = self._folder_after(chance.randint(0, len(self._loose)))
        return {name: _torn(file, chance) for name, file in there.items()}

    def whole(self) -> dict[str, bytes]:
        """Return the files as a killed process leaves them: all that was written is there."""
        there = self._folder_after(len(self._loose))
        return {name: _all(file) for name, file in there.items()}


def _do(content: bytearray, op: Op) -> None:
    if op.what == "cut":
        del content[op.at :]
        return
    content.extend(bytes(max(op.at - len(content), 0)))
    content[op.at : op.at + len(op.data)] = op.data


def _all(file: _File) -> bytes:
    content = bytearray(file.kept)
    for op in file.loose:
        _do(content, op)
    return bytes(content)


def _torn(file: _File, chance: random.Random) -> bytes:
    """Apply some of what was not synced: all up to a point, or each sector by chance."""
    content = bytearray(file.kept)
    pieces = [piece for op in file.loose for piece in _sectors(op)]
    if chance.random() < 0.5:
        pieces = pieces[: chance.randint(0, len(pieces))]
    else:
        share = chance.random()
        pieces = [piece for piece in pieces if chance.random() < share]
    for piece in pieces:
        _do(content, piece)
    return bytes(content)


def _sectors(op: Op) -> Iterator[Op]:
    if op.what == "cut":
        yield op
        return
    at = op.at
    while at < op.at + len(op.data):
        end = min((at // SECTOR_BYTES + 1) * SECTOR_BYTES, op.at + len(op.data))
        yield op._replace(at=at, data=op.data[at - op.at : end - op.at])
        at = end
