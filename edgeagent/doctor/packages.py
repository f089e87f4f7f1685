"""Python, and the packages that were built for one numpy and no other."""

import platform
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

from edgeagent.doctor import Check, Line, fault, warning, well
from edgeagent.doctor.case import Case
from edgeagent.doctor.imports import LIMIT_S, Imported, imported
from edgeagent.errors import CameraError, EdgeagentError

NEEDED = ("numpy", "cv2", "av", "paho.mqtt", "msgspec")
LEAST = (3, 11)
APT = "usr/lib/python3/dist-packages/picamera2"
"""Where apt puts it, below the root."""

MIXED = ("numpy.dtype size changed", "compiled using NumPy 1.x", "multiarray failed to import")
"""How a binary module says that it was built for another numpy than it met."""
SYSTEM = "make the virtual environment with --system-site-packages, by /usr/bin/python3"
INSTALL = "sudo apt install python3-picamera2"


def checks(case: Case, path: Path | None = None) -> Iterator[Check]:
    """See the family's contract.

    Args:
        case: what to look at.
        path: a folder that Python searches first.
    """
    yield Check("python", _python)
    yield Check("packages", lambda: _packages(path), len(NEEDED) * LIMIT_S)
    yield Check("picamera2", lambda: _picamera2(case, path), 3 * LIMIT_S)


def _python() -> Iterator[Line]:
    bits, version = 8 * struct.calcsize("P"), platform.python_version()
    told = f"{version}, {bits} bits, {sys.executable}"
    if sys.version_info < LEAST:
        cure = "take Raspberry Pi OS Bookworm or later"
        yield fault("python", f"{told}: older than 3.11", cure, kind=EdgeagentError)
    elif bits != 64:
        cure = "take the 64-bit Raspberry Pi OS"
        yield fault("python", f"{told}: there are no packages for it", cure, kind=EdgeagentError)
    else:
        yield well("python", told)


def _packages(path: Path | None) -> Iterator[Line]:
    found = imported(NEEDED, path)
    for name, one in found.items():
        if one.why:
            cures = _cures(one, found["numpy"])
            yield fault(name, f"cannot be imported: {one.why}", *cures, kind=EdgeagentError)
    good = [f"{name} {one.version}".strip() for name, one in found.items() if not one.why]
    if len(good) == len(NEEDED):
        yield well("packages", ", ".join(good))


def _picamera2(case: Case, path: Path | None) -> Iterator[Line]:
    wanted = [c.name for c in case.config.camera if c.source == "picamera"] if case.config else []
    found = imported(["numpy", "picamera2"], path)
    one, numpy = found["picamera2"], found["numpy"]
    if not one.why:
        yield well("picamera2", f"{one.version} from {one.folder}".strip())
    elif _is_missing(one) and not wanted:
        yield well("picamera2", "not installed, and no camera asks for it")
    elif wanted:
        what = f"cannot be imported, for camera {', '.join(wanted)}: {one.why}"
        yield fault("picamera2", what, *_picamera2_cures(case, one, numpy), kind=CameraError)
    else:
        what = f"installed, but cannot be imported: {one.why}"
        yield warning("picamera2", what, *_picamera2_cures(case, one, numpy))


def _is_missing(one: Imported) -> bool:
    return "No module named 'picamera2'" in one.why


def _picamera2_cures(case: Case, one: Imported, numpy: Imported) -> tuple[str, ...]:
    if not _is_missing(one):
        return _cures(one, numpy)
    return (SYSTEM,) if (case.host.root / APT).is_dir() else (INSTALL, SYSTEM)


def _cures(one: Imported, numpy: Imported) -> tuple[str, ...]:
    """Return what to type for a package that cannot be imported beside ``numpy``."""
    if numpy.version and (any(words in one.why for words in MIXED) or "SIG" in one.why):
        return _numpy_cures(numpy)
    return (
        "install the release again: sudo scripts/install",
        f"in a virtual environment of your own: {sys.executable} -m pip install edgeagent",
    )


def _numpy_cures(numpy: Imported) -> tuple[str, ...]:
    here = f"numpy {numpy.version} is not the one it was built for"
    if numpy.version.startswith("1."):
        return (here, f"{sys.executable} -m pip uninstall numpy, or install 'numpy>=2'")
    return (
        f"{here}: apt's packages on Bookworm want numpy 1",
        f"{sys.executable} -m pip install 'numpy<2' 'opencv-python-headless<4.12'",
        "or install the release again, which keeps to that: sudo scripts/install",
    )
