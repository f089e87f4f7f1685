"""Asks libedgetpu, and a real pycoral, who they are, in throw-away processes.

A library built for another machine can end the process that loads it before a line of ours runs,
so neither is ever loaded here.
"""

import ctypes
import importlib
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgeagent.edgetpu import LIBRARY, Device, Kind
from edgeagent.edgetpu.throwaway import prepare, run_child, say

Fault = Literal["", "missing", "refused", "no_delegate", "crashed", "hung"]
"""What is wrong with a library; "": nothing."""

SIMULATOR = "EDGETPU-SIM"
"""The version that our own simulated library gives."""
TIME_LIMIT_S = 20.0
"""Longest a child may take; enumerating a bus with a wedged device on it takes seconds."""

_ENTRY = "tflite_plugin_create_delegate"
"""What an interpreter looks for in a delegate's library."""
_KINDS: tuple[Kind, ...] = ("pci", "usb")
"""In the order of libedgetpu's ``edgetpu_device_type``."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A device as the library's own list has it."""

    kind: Kind
    path: str
    """``/sys/bus/usb/devices/2-1`` or ``/dev/apex_0``."""


@dataclass(frozen=True, slots=True)
class Library:
    """What came of loading a library."""

    name: str
    """As it was asked for."""
    file: str = ""
    """Where the loader found it."""
    version: str = ""
    devices: tuple[Listed, ...] = ()
    """In the order in which it numbers them."""
    fault: Fault = ""
    why: str = ""
    """The fault in words."""

    @property
    def simulated(self) -> bool:
        """Whether its figures are no Edge TPU's."""
        return SIMULATOR in self.version


@dataclass(frozen=True, slots=True)
class Pycoral:
    """What is installed under the name of Google's ``pycoral``."""

    genuine: bool
    version: str = ""
    """Of the Edge TPU runtime, as it says."""
    devices: int = 0
    why: str = ""
    """Why it is of no use, in a sentence."""


def probe_library(name: str = LIBRARY, time_limit_s: float = TIME_LIMIT_S) -> Library:
    """Load ``name`` in a child process and ask for its version and its devices.

    Args:
        name: a path, or a name for the loader to find.
        time_limit_s: a child not done by then is killed.
    """
    end = run_child(__name__, ["library", name], time_limit_s)
    learnt = end.learnt
    devices = tuple(Listed(kind, path) for kind, path in learnt.get("devices", []))
    fault, why = end.ended or learnt.get("fault", ""), end.why or learnt.get("why", "")
    return Library(name, learnt.get("file", ""), learnt.get("version", ""), devices, fault, why)


def probe_pycoral(time_limit_s: float = TIME_LIMIT_S) -> Pycoral | None:
    """Return what ``import pycoral`` would give here, None where there is none.

    Only a package with Google's own modules is imported, in a child, and of it only the calls
    that pass no pointer of one TFLite build into another.
    """
    spec = importlib.util.find_spec("pycoral")
    if spec is None:
        return None
    places = [Path(place) for place in spec.submodule_search_locations or []]
    if not any((place / "utils" / "edgetpu.py").is_file() for place in places):
        return Pycoral(False, why=_UNRELATED.format(place=places[0] if places else spec.origin))
    end = run_child(__name__, ["pycoral"], time_limit_s)
    return Pycoral(True, end.learnt.get("version", ""), end.learnt.get("count", 0), end.why)


def try_open(library: str, device: Device, time_limit_s: float = TIME_LIMIT_S) -> str:
    """Open ``device`` for a moment, in a child; return why it cannot be opened, "" if it can.

    Not to be done to a device that a process is using: it is refused, but what the library tries
    before it gives up is not known to leave the other alone.
    """
    end = run_child(__name__, ["open", library, device.kind, device.path], time_limit_s)
    if end.learnt.get("opened"):
        return end.why
    told = [line for line in end.errors.splitlines() if "Failed to open device" in line]
    if end.why or not told:
        return end.why or "the library does not open it, and says nothing of why"
    reason = told[-1].partition("]: ")[2]
    return next((f"{words} ({reason})" for code, words in _REASONS if code in reason), reason)


_REASONS = (
    ("USB error -6", "another process has it open"),
    ("resource busy", "another process has it open"),
    ("USB error -3", "no right to open it"),
    ("Permission denied", "no right to open it"),
    ("USB error -7", "it does not answer"),
)
"""What stands in libedgetpu's words (driver/usb/local_usb_device.cc), after libusb's errors."""

_UNRELATED = (
    "the package 'pycoral' in {place} is not Google's: the one on the Python index is a client of "
    "the Allen Coral Atlas and knows no Edge TPU; python -m pip uninstall pycoral"
)


def main(arguments: list[str]) -> int:
    """Be the child: one JSON object a line for each thing learnt, each before the next risk."""
    prepare()
    if arguments[0] == "library":
        _ask_library(arguments[1])
    elif arguments[0] == "open":
        _ask_open(arguments[1], arguments[2], arguments[3])
    else:
        _ask_pycoral()
    return 0


def _ask_library(name: str) -> None:
    before = _mapped()
    say(step="being loaded")
    try:
        library = ctypes.CDLL(name)
    except OSError as error:
        text = str(error)
        # What it needs itself may be missing, too: the loader names the file it did not find.
        own = text.startswith(f"{name}:") and "No such file" in text
        say(fault="missing" if own else "refused", why=text)
        return
    new = _mapped() - before
    say(file=next((path for path in new if Path(name).stem.split(".")[0] in path), ""))
    if not hasattr(library, _ENTRY):
        say(fault="no_delegate", why=f"has no function {_ENTRY}")
        return
    say(step="telling its version")
    say(version=_version(library), step="listing devices")
    say(devices=_devices(library))


def _mapped() -> set[str]:
    lines = Path("/proc/self/maps").read_text().splitlines()
    return {line.split(maxsplit=5)[5] for line in lines if ".so" in line}


def _version(library: ctypes.CDLL) -> str:
    try:
        tell = library.edgetpu_version
    except AttributeError:
        return ""
    tell.restype = ctypes.c_char_p
    return str((tell() or b"").decode(errors="replace"))


class _Record(ctypes.Structure):
    """libedgetpu's ``struct edgetpu_device``."""

    _fields_ = (("type", ctypes.c_int), ("path", ctypes.c_char_p))


def _devices(library: ctypes.CDLL) -> list[tuple[Kind, str]]:
    try:
        tell, free = library.edgetpu_list_devices, library.edgetpu_free_devices
    except AttributeError:
        return []
    tell.restype = ctypes.POINTER(_Record)
    free.argtypes = (ctypes.POINTER(_Record),)
    count = ctypes.c_size_t()
    records = tell(ctypes.byref(count))
    found = [(_KINDS[records[n].type], records[n].path.decode()) for n in range(count.value)]
    free(records)
    return found


def _ask_open(name: str, kind: str, path: str) -> None:
    say(step="being loaded")
    library = ctypes.CDLL(name)
    create, free = library.edgetpu_create_delegate, library.edgetpu_free_delegate
    create.restype = ctypes.c_void_p
    create.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t)
    free.argtypes = (ctypes.c_void_p,)
    library.edgetpu_verbosity(1)
    say(step="opening it")
    delegate = create(_KINDS.index("usb" if kind == "usb" else "pci"), path.encode(), None, 0)
    say(opened=bool(delegate), step="closing it")
    if delegate:
        free(delegate)


def _ask_pycoral() -> None:
    say(step="being imported")
    edgetpu = importlib.import_module("pycoral.utils.edgetpu")
    edgetpu.set_verbosity(0)
    say(step="telling its version")
    say(version=edgetpu.get_runtime_version(), step="listing devices")
    say(count=len(edgetpu.list_edge_tpus()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
