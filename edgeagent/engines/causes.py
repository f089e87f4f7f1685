"""What a child's end, or its words, tell of the cause, and what to do about each."""

import signal
from collections.abc import Sequence

from edgeagent.errors import Cause

_WRONG_CODE = (signal.SIGSEGV, signal.SIGILL, signal.SIGBUS)
"""How code that was built for another interpreter ends (google-coral/edgetpu#812 and others)."""

_NO_RIGHT = ("errno=13", "permission denied", "libusb_error_access", "requires write access")
"""How libusb, the PCIe driver and the loader say that something may not be opened."""

_NOISE = ("INFO: ", "WARNING: ")
"""How the interpreters begin lines that explain nothing."""

CURES: dict[Cause, str] = {
    "abort": "check its cable, its power supply and whether another program uses it",
    "hang": "unplug it and plug it in again if it does not come back by itself",
    "error": "it is to be opened again",
    "no_device": "plug it in, and see that no other program uses it",
    "mismatch": "install a libedgetpu that was built for this interpreter",
    "permission": "install the udev rule, and put the agent's user into its group",
    "library": "install libedgetpu",
    "disagreement": "deploy the bundle again",
    "closed": "open it again",
}
"""What the owner can do."""


def of_exit(status: int | None, running: bool) -> tuple[Cause, str]:
    """Tell why a child ended that nobody had asked to.

    Args:
        status: as `subprocess.Popen.returncode` gives it: negative for a signal, None as long as
            the kernel holds it.
        running: it had loaded its models before.
    """
    if status is None:
        return "hang", "its process is held by the kernel and cannot be ended"
    if status >= 0:
        return "error", f"its process ended with status {status}"
    when = "while running" if running else "while loading"
    words = f"its process died of {_name(-status)} {when}"
    if -status in _WRONG_CODE and not running:
        return "mismatch", words
    return "abort", words


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def of_words(cause: Cause, words: Sequence[str]) -> Cause:
    """Return ``permission`` for a missing device or library of which ``words`` speak so."""
    said = "\n".join(words).lower()
    if cause in ("no_device", "library") and any(sign in said for sign in _NO_RIGHT):
        return "permission"
    return cause


def last_words(stderr: bytes) -> list[str]:
    """Return the last lines that a child left on its standard error, at most three."""
    lines = [line.strip() for line in stderr.decode(errors="replace").splitlines()]
    return [line[:300] for line in lines if line and not line.startswith(_NOISE)][-3:]
