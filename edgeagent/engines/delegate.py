"""Opens the library through which an interpreter speaks to a device, and tells why it cannot."""

import ctypes
from collections.abc import Mapping
from typing import Any

from edgeagent.engines.tflite import Runtime
from edgeagent.errors import AcceleratorError

_LOUD = 10
"""Highest level of libedgetpu's ``edgetpu_verbosity``."""


def open_delegate(library: str, options: Mapping[str, str], runtime: Runtime) -> tuple[Any, str]:
    """Return the delegate, and the version that its library gives itself, "" for none.

    Raises:
        AcceleratorError: with the cause ``library`` or ``no_device``.
    """
    held = _open_library(library)
    try:
        return _load(library, options, runtime), _version(held)
    except ValueError:
        # It never says why. Asked once more, it leaves its reasons on standard error.
        _make_loud(held)
    try:
        return _load(library, options, runtime), _version(held)
    except ValueError as error:
        raise AcceleratorError(
            f"{library} finds no device {options.get('device', '')}".rstrip(), cause="no_device"
        ) from error


def _load(library: str, options: Mapping[str, str], runtime: Runtime) -> Any:  # noqa: ANN401
    return runtime.load_delegate(library, dict(options))


def _open_library(library: str) -> ctypes.CDLL:
    # By ourselves first: the interpreters only say that they failed, and complain at exit.
    try:
        held = ctypes.CDLL(library)
    except OSError as error:
        raise AcceleratorError(f"{library} cannot be opened: {error}", cause="library") from error
    if not hasattr(held, "tflite_plugin_create_delegate"):
        raise AcceleratorError(f"{library} is a library, but no delegate", cause="library")
    return held


def _version(held: ctypes.CDLL) -> str:
    if not hasattr(held, "edgetpu_version"):
        return ""
    held.edgetpu_version.restype = ctypes.c_char_p
    said: bytes | None = held.edgetpu_version()
    return (said or b"").decode(errors="replace")


def _make_loud(held: ctypes.CDLL) -> None:
    if hasattr(held, "edgetpu_verbosity"):
        held.edgetpu_verbosity(_LOUD)
