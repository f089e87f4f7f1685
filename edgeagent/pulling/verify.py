"""Says whether a file here is the one that a list means."""

import hashlib
from pathlib import Path

from edgeagent.pulling.catalogue import RemoteFile


def fault_of(path: Path, file: RemoteFile) -> str:
    """Say how the file at ``path`` differs from ``file``, "" where it does not.

    Raises:
        OSError: it cannot be read.
    """
    size_bytes = path.stat().st_size
    if file.size_bytes and size_bytes != file.size_bytes:
        return f"has {size_bytes:,} bytes, {file.size_bytes:,} are listed"
    with path.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    if sha256 != file.sha256:
        return f"has the sha256 {sha256}, listed is {file.sha256}"
    return ""
