"""Runs a program in a terminal of a given size, and keeps what it writes."""

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence

from scripts.pictures.terminal import Terminal

CALM = {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
NOTHING: Mapping[str, str] = {}


def seen(
    command: Sequence[str],
    size: tuple[int, int],
    limit_s: float = 120.0,
    instead: Mapping[str, str] = NOTHING,
) -> Terminal:
    """Return the terminal of ``size`` (columns, lines) after ``command`` has ended.

    Args:
        command: ends by itself.
        size: columns and lines.
        limit_s: it is ended after so long.
        instead: texts to what is shown in their place, as where this checkout happens to be.
    """
    columns, lines = size
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    known = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    child = subprocess.Popen(
        [*command], stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL,
        env={**known, **CALM}, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    try:
        text = _read(ours, child, time.monotonic() + limit_s)
    finally:
        child.kill()
        child.wait()
        os.close(ours)
    for known_as, shown in instead.items():
        text = text.replace(known_as, shown)
    terminal = Terminal(columns, lines)
    terminal.feed(text)
    return terminal


def _read(ours: int, child: "subprocess.Popen[bytes]", end_s: float) -> str:
    """Return all it writes until it hangs up."""
    data = b""
    with contextlib.suppress(OSError):  # how a pty says that the other end is closed
        while time.monotonic() < end_s:
            if select.select([ours], [], [], 0.2)[0]:
                part = os.read(ours, 65536)
                if not part:
                    break
                data += part
            elif child.poll() is not None:
                break
    return data.decode(errors="replace")
