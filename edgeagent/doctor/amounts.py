"""Durations and sizes as people say them."""

from collections.abc import Sequence

_SIZES: Sequence[tuple[float, str]] = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
_TIMES: Sequence[tuple[int, str, int, str]] = (
    (86400, "d", 3600, "h"),
    (3600, "h", 60, "min"),
    (60, "min", 1, "s"),
)


def size(count_bytes: float) -> str:
    """Return ``12.3 GB``; in powers of 1000, as disks are sold."""
    for unit_bytes, name in _SIZES:
        if count_bytes >= unit_bytes:
            return f"{count_bytes / unit_bytes:.1f} {name}"
    return f"{count_bytes:.0f} bytes"


def duration(seconds: float) -> str:
    """Return ``3 d 4 h``: the two largest units."""
    for large_s, large, small_s, small in _TIMES:
        if seconds >= large_s:
            return f"{seconds // large_s:.0f} {large} {seconds % large_s // small_s:.0f} {small}"
    return f"{seconds:.0f} s"
