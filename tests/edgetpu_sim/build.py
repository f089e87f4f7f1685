"""Builds the simulator's libraries, once for each version of their sources."""

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).parent
COMPILER = shutil.which("g++")
"""None: nothing of this can be built, and what needs it is skipped ("needs g++")."""

_FLAGS = [
    *("-O2", "-Wall", "-Wextra", "-Werror", "-std=c++17", "-fPIC", "-shared"),
    *("-fvisibility=hidden", "-Wl,-soname,libedgetpu.so.1"),
]


@dataclass(frozen=True, slots=True)
class Libraries:
    """What was built."""

    edgetpu: Path
    """The simulated libedgetpu. It is of use only inside a `Simulator`'s folder."""
    no_delegate: Path
    """A library that is no delegate."""
    crashing: Path
    """A library whose constructor ends in SIGSEGV."""


def build(cache: Path) -> Libraries:
    """Return the libraries for the sources as they are, built in ``cache`` if not yet there.

    Raises:
        subprocess.CalledProcessError: the compiler does not take them.
        AssertionError: there is no g++.
    """
    folder = cache / f"edgetpu-sim-{_digest()}"
    return Libraries(
        _built(folder, "edgetpu_sim"), _built(folder, "no_delegate"), _built(folder, "crashing")
    )


def _digest() -> str:
    sources = sorted([*SOURCES.glob("*.cc"), *SOURCES.glob("*.h")])
    text = b"".join(source.read_bytes() for source in sources) + " ".join(_FLAGS).encode()
    return hashlib.sha256(text).hexdigest()[:16]


def _built(folder: Path, name: str) -> Path:
    library = folder / f"{name}.so"
    if not library.exists():
        assert COMPILER is not None, "needs g++: sudo apt install g++"
        folder.mkdir(parents=True, exist_ok=True)
        made = folder / f"{name}.{os.getpid()}.new"
        command = [COMPILER, *_FLAGS, "-o", str(made), str(SOURCES / f"{name}.cc"), "-ldl"]
        subprocess.run(command, check=True)
        made.replace(library)
    return library
