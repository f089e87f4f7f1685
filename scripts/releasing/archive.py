"""Make a source archive the same whoever packed it, where and when: archive.py FILE.tar.gz."""

import gzip
import io
import os
import sys
import tarfile
from pathlib import Path


def same(packed: bytes, epoch_s: int) -> bytes:
    """Return a .tar.gz with the files of ``packed``, in the order of their names.

    Every file is nobody's, of ``epoch_s``, and readable by all; a program may be run by all.
    """
    tar = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(packed)) as old,
        tarfile.open(fileobj=tar, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in sorted(old.getmembers(), key=lambda one: one.name):
            new.addfile(_plain(member, epoch_s), old.extractfile(member))
    return gzip.compress(tar.getvalue(), 9, mtime=epoch_s)


def _plain(member: tarfile.TarInfo, epoch_s: int) -> tarfile.TarInfo:
    plain = tarfile.TarInfo(member.name)
    plain.type, plain.size, plain.linkname = member.type, member.size, member.linkname
    plain.mtime, plain.mode = epoch_s, 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    return plain


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_bytes(same(file.read_bytes(), int(os.environ["SOURCE_DATE_EPOCH"])))
