"""Reads the label files that come with models: one name a line, or a number before each."""

import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from edgeagent.errors import BundleError

UNNAMED = "n/a"
"""Stands for a class that the file leaves out, as in Coral's own list of COCO's classes."""

MOST_BYTES = 65536
"""Longest label file that a bundle may have."""
MOST_CLASSES = 65536

_DAMAGE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, RuntimeError,
    KeyError, struct.error,
)  # fmt: skip
"""What zipfile raises over archives that are damaged, or packed in a way it does not know."""

_NUMBERED = re.compile(r"\s*(\d{1,9})(?:\s*:\s*|\s+)(\S.*)")


def read_labels(path: Path) -> tuple[str, ...]:
    """Return the labels in ``path``, in the order of the model's classes.

    A line may begin with its class's number (``0  person``, ``0: person``), if every line does;
    numbers left out are filled with `UNNAMED`, as are empty lines of a file without numbers.

    Raises:
        BundleError: it cannot be read, is not text, or no line is a label.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise BundleError(f"{path}: {error.strerror}; name a text file of labels") from error
    return _parsed(data, str(path))


def labels_within(model: Path) -> tuple[str, ...]:
    """Return the labels that a model file with metadata carries in itself; none: ().

    Such a file has a zip archive at its end.
    """
    if not zipfile.is_zipfile(model):
        return ()
    try:
        with zipfile.ZipFile(model) as archive:
            name = _list_in(archive.namelist())
            data = _within(archive, name) if name else b""
    except _DAMAGE as error:
        raise BundleError(f"{model}: its archive is damaged ({error}); fetch it again") from error
    return _parsed(data, f"{model}: {name} in it") if name else ()


def _within(archive: zipfile.ZipFile, name: str) -> bytes:
    # Another way to pack may want 4 GB of memory, by a number in its header.
    if archive.getinfo(name).compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("neither stored nor deflated")
    return archive.open(name).read(MOST_BYTES + 1)


def _list_in(names: Sequence[str]) -> str:
    """Return the one that is the list of labels, "" where it cannot be told."""
    texts = [name for name in names if name.endswith(".txt")]
    named = [name for name in texts if "label" in name.lower()] or texts
    return named[0] if len(named) == 1 else ""


def _parsed(data: bytes, where: str) -> tuple[str, ...]:
    if len(data) > MOST_BYTES:
        raise BundleError(f"{where}: is longer than {MOST_BYTES:,} bytes; give a list of labels")
    try:
        lines = [line.strip() for line in data.decode("utf-8-sig").splitlines()]
    except UnicodeDecodeError as error:
        raise BundleError(f"{where}: is not UTF-8 text ({error}); give a list of labels") from error
    labels = _numbered(lines, where) or _plain(lines)
    for number, label in enumerate(labels):
        if not label.isprintable() or len(label) > 128:
            raise BundleError(
                f"{where}: label {number}, {label[:40]!r}, is not of 1 to 128 printable characters"
            )
    if not labels:
        raise BundleError(f"{where}: has no label in it; one a line")
    return tuple(labels)


def _plain(lines: Sequence[str]) -> list[str]:
    labels = [line or UNNAMED for line in lines]
    while labels and labels[-1] == UNNAMED and lines[len(labels) - 1] == "":
        labels.pop()
    return labels


def _numbered(lines: Sequence[str], where: str) -> list[str]:
    """Return the labels in order of their numbers; none where not every line has one."""
    matches = [_NUMBERED.fullmatch(line) for line in lines if line]
    pairs = [(int(match[1]), match[2]) for match in matches if match]
    numbers = [number for number, _ in pairs]
    # Names may begin with numbers, too, but hardly all of them, each with another.
    if not numbers or len(pairs) != len(matches) or len(set(numbers)) != len(numbers):
        return []
    if max(numbers) >= MOST_CLASSES:
        raise BundleError(f"{where}: class {max(numbers)} is beyond {MOST_CLASSES - 1}; mend it")
    labels = [UNNAMED] * (max(numbers) + 1)
    for number, label in pairs:
        labels[number] = label
    return labels
