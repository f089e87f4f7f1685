"""Several files as one input: a line ``=== NAME`` before each, so that all of them are mangled."""

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

_MARK = b"\n=== "
MOST_FILES = 32


def packed(files: Mapping[str, bytes | str]) -> bytes:
    """Return one input of ``files``; of one named ``NAME -> PATH`` a link is made, of ``NAME |`` a
    pipe."""
    parts = [
        (name, data.encode() if isinstance(data, str) else data) for name, data in files.items()
    ]
    return b"".join(_MARK + name.encode() + b"\n" + data for name, data in parts)


def parts(data: bytes) -> dict[str, bytes]:
    """Return the files in an input, as `packed` put them there."""
    told = (part.partition(b"\n") for part in data.split(_MARK)[1 : MOST_FILES + 1])
    return {name.decode(errors="replace"): body for name, _, body in told}


def laid(data: bytes, folder: Path) -> Path:
    """Write the files of an input into ``folder``; what cannot be a name there is left out."""
    for told, body in parts(data).items():
        name, arrow, target = told.partition(" -> ")
        pure = PurePosixPath(name.removesuffix(" |"))
        if pure.is_absolute() or ".." in pure.parts or "\0" in told or not pure.parts:
            continue
        path = folder / pure
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _lay(path, arrow, target, name.endswith(" |"), body)
        except OSError:
            continue
    return folder


def _lay(path: Path, arrow: str, target: str, is_pipe: bool, body: bytes) -> None:
    if path.is_symlink():
        return
    if is_pipe:
        os.mkfifo(path)
    elif arrow:
        path.symlink_to(target)
    else:
        path.write_bytes(body)
