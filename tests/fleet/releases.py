"""Wheelhouses to roll out: this checkout's own, and copies with one thing made wrong.

A copy shares the third-party wheels with the first by hard links, so that ten cost little more
than one.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.fleet.host import run

CHECKOUT = Path(__file__).parent.parent.parent
BUILT_FROM = ("edgeagent", "models", "pyproject.toml", "README.md", "LICENSE")

Fault = Callable[[Path], None]
"""Makes one thing wrong in a copy of the checkout."""


def replace(file: str, what: str, by: str) -> Fault:
    """Return the fault of having ``by`` in the place of the pattern ``what`` in ``file``."""

    def apply(tree: Path) -> None:
        text, count = re.subn(what, by, (tree / file).read_text(), count=1)
        if not count:
            raise ValueError(f"{file} has no {what!r} any more: mend FAULTS")
        (tree / file).write_text(text)

    return apply


def _wrong_digest(tree: Path) -> None:
    model = tree / "models/coco16-320/model.tflite"
    data = bytearray(model.read_bytes())
    data[len(data) // 2] ^= 1
    model.write_bytes(data)


def _none(tree: Path) -> None:
    """Be no fault at all."""


def all_of(*faults: Fault) -> Fault:
    """Return the fault of having each of these."""

    def apply(tree: Path) -> None:
        for fault in faults:
            fault(tree)

    return apply


RUN, SUPERVISOR = "edgeagent/cli/run.py", "edgeagent/supervisor.py"
ENTRY = "edgeagent/outbox/entry.py"
READS_AHEAD = all_of(
    replace(ENTRY, r"READABLE = \((\d+), VERSION\)", r"READABLE = (\1, VERSION, VERSION + 1)"),
    replace(
        ENTRY,
        r"(    return Entry\(.*)record\)\n",
        r"    if record[:1] == b'\\x78':\n        record = zlib.decompress(record)\n\1record)\n",
    ),
)
"""Not wrong at all: it reads records that are compressed, and writes them as ever."""
COMPRESSES = all_of(
    READS_AHEAD,
    replace(ENTRY, r"VERSION = (\d+)\n", r"VERSION = \1 + 1\n"),
    replace(ENTRY, r"READABLE = .*", r"READABLE = (VERSION - 1, VERSION)"),
    replace(ENTRY, r"    size = len\(record\)\n", r"    record = zlib.compress(record)\n\g<0>"),
)
"""The next format: a zlib stream begins with x, which no record of ours does."""
DIES_SOON = replace(
    RUN,
    r"    on_signals\(supervisor\)\n",
    r"\g<0>    import threading\n    threading.Timer(8, os.abort).start()\n",
)
FAULTS: dict[str, Fault] = {
    "good": _none,
    "crash": replace(RUN, r"    on_signals\(supervisor\)\n", "    os.abort()\n"),
    "never ready": replace(SUPERVISOR, r"self\._notifier\.tell\(.READY=1.\)", "pass"),
    "slow": replace(
        "edgeagent/engines/tflite.py",
        r"( +)(self\._interpreter\.invoke\(\)\n)",
        r"\1\2\1time.sleep((time.perf_counter_ns() - began_ns) / 2e9)\n",
    ),
    # What the fleet's settings say is out of bounds for this one.
    "settings": replace("edgeagent/config.py", r"(stat_s: .*, ge=)0,", r"\g<1>30,"),
    "digest": _wrong_digest,
    "reads ahead": READS_AHEAD,
    "format": COMPRESSES,
    "format, crash": all_of(COMPRESSES, DIES_SOON),
}


def first(folder: Path) -> Path:
    """Return the wheelhouse of this checkout, made by the script that owners use."""
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    subprocess.run(
        ["scripts/wheelhouse", folder, "--arch", os.uname().machine, "--python", python],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
        timeout=600,
    )
    return folder


def copy(of: Path, folder: Path, version: str, fault: Fault) -> Path:
    """Return a wheelhouse like ``of``, but of another version and with ``fault``."""
    shutil.copytree(of, folder, copy_function=os.link)
    for old in (folder / "wheels").glob("edgeagent-*.whl"):
        old.unlink()
    with tempfile.TemporaryDirectory() as temporary:
        tree = Path(temporary)
        _copy_checkout(tree)
        replace("edgeagent/__init__.py", r'__version__ = ".*"', f'__version__ = "{version}"')(tree)
        fault(tree)
        _wheel(tree, folder / "wheels")
    _sum_up(folder)
    return folder


def _wheel(tree: Path, folder: Path) -> None:
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps",
        "--no-build-isolation", "--wheel-dir", folder, tree)  # fmt: skip


def _copy_checkout(tree: Path) -> None:
    hidden = shutil.ignore_patterns("__pycache__")
    for name in BUILT_FROM:
        if (CHECKOUT / name).is_dir():
            shutil.copytree(CHECKOUT / name, tree / name, ignore=hidden)
        else:
            shutil.copy(CHECKOUT / name, tree / name)


def _sum_up(folder: Path) -> None:
    sums = folder / "SHA256SUMS"
    sums.unlink()
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  ./{path.relative_to(folder)}\n"
        for path in files
    ]
    sums.write_text("".join(lines))
