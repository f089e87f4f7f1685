"""Whether files are what a bundle's manifest says of them, byte for byte."""

import hashlib
import stat
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from msgspec import Meta

MANIFEST, CARD, LABELS = "manifest.toml", "CARD.md", "labels.txt"

_MAX_TEXT_BYTES = 65536
_LINKED = "is reached by a link; a bundle holds its own files"
_OURS = frozenset({MANIFEST, CARD})
"""What cannot be listed: the list itself, and what is made from it."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One file of a bundle that is not a model."""

    path: Path
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


def fault_of(path: Path, folder: Path, sha256: str, size_bytes: int | None = None) -> str:
    """Return what is wrong with a file of the bundle in ``folder``; "" where nothing is."""
    if not _is_own(path, folder):
        return _LINKED
    if not path.is_file():
        return "is missing"
    found_bytes = path.stat().st_size
    if size_bytes not in (None, found_bytes):
        return f"has {found_bytes} bytes, the manifest says {size_bytes}"
    found = digest(path)
    return "" if found == sha256 else f"has the sha256 {found}, the manifest says {sha256}"


def _is_own(path: Path, folder: Path) -> bool:
    """Return whether no link leads from ``folder`` to ``path``."""
    steps = [path, *path.parents]
    return not any(step.is_symlink() for step in steps[: steps.index(folder)])


def digest(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def faults(folder: Path, listed: Sequence[Listed], everything: bool) -> Iterator[str]:
    """Yield what is wrong with the files that a manifest lists.

    Args:
        folder: the bundle's.
        listed: files and digests; () is said by an older bundle, of which nothing is known.
        everything: also what the agent does not read, as its licence.
    """
    known = {one.path: one.sha256 for one in listed}
    for path, sha256 in known.items():
        if (everything or is_read(path, folder)) and (fault := fault_of(path, folder, sha256)):
            yield f"{path}: {fault}"
    for path in _readable(folder) if known else ():
        if path not in known:
            yield f"{path}: is not among the manifest's [[contents]]"


def is_read(path: Path, folder: Path) -> bool:
    """Say whether the agent reads a listed file."""
    return path == folder / LABELS or path.parent == folder / "golden"


def _readable(folder: Path) -> Iterator[Path]:
    yield from sorted((folder / "golden").glob("*.npz"))
    if (folder / LABELS).is_file():
        yield folder / LABELS


def listing(folder: Path, models: Collection[Path]) -> tuple[Listed, ...]:
    """Return the files in ``folder`` but for ``models``, which the manifest tells more of."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path not in models)
    return tuple(Listed(path, digest(path)) for path in paths if _counts(path, folder))


def _counts(path: Path, folder: Path) -> bool:
    told = path.relative_to(folder)
    hidden = any(part.startswith(".") for part in told.parts)
    # What a killed writer left ends in .new.
    return not (hidden or str(told) in _OURS or path.suffix == ".new")


def read_text(path: Path) -> str:
    """Return a short text.

    Raises:
        OSError, ValueError: it cannot be read, is no file, is too long, or is not UTF-8.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("is no file")
    with path.open("rb") as file:
        data = file.read(_MAX_TEXT_BYTES + 1)
    if len(data) > _MAX_TEXT_BYTES:
        raise ValueError(f"longer than {_MAX_TEXT_BYTES} bytes")
    return data.decode()


def read_labels(path: Path, faults: list[str]) -> tuple[str, ...]:
    """Return the labels in ``path``, and add what is wrong with them to ``faults``."""
    try:
        if not _is_own(path, path.parent):
            raise ValueError(_LINKED)
        labels = tuple(read_text(path).splitlines())
    except (OSError, ValueError) as error:
        faults.append(f"{path}: cannot be read ({error})")
        return ()
    faults += [
        f"{path}:{line}: {label!r} is not a label of 1 to 128 printable characters"
        for line, label in enumerate(labels, 1)
        if not label.isprintable() or not 1 <= len(label) <= 128
    ]
    return labels
