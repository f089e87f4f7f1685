"""Asks libedgetpu, and a real pycoral, who they are, in throw-away processes.

A library built for another machine can end the process that loads it before a line of ours runs,
so neither is ever loaded here. What was learnt before the end is kept.
"""

import ctypes
import importlib
import importlib.util
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from edgeagent.edgetpu import LIBRARY, Kind

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
    learnt, status, said = _child(["library", name], time_limit_s)
    devices = tuple(Listed(kind, path) for kind, path in learnt.get("devices", []))
    fault, why = _judged(learnt, status, said, time_limit_s)
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
    learnt, status, said = _child(["pycoral"], time_limit_s)
    _, why = _judged(learnt, status, said, time_limit_s)
    return Pycoral(True, learnt.get("version", ""), learnt.get("count", 0), why)


_UNRELATED = (
    "the package 'pycoral' in {place} is not Google's: the one on the Python index is a client of "
    "the Allen Coral Atlas and knows no Edge TPU; python -m pip uninstall pycoral"
)


def _child(arguments: list[str], time_limit_s: float) -> tuple[Mapping[str, Any], int | None, str]:
    """Return what a child learnt, how it ended (None: it had to be killed), and its last line."""
    package = str(Path(__file__).parents[2])
    paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    try:
        child = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "edgeagent.edgetpu.library", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=time_limit_s,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        return _learnt(late.stdout or b""), None, ""
    said = child.stderr.decode(errors="replace").strip().splitlines()
    return _learnt(child.stdout), child.returncode, said[-1] if said else ""


def _learnt(out: bytes) -> Mapping[str, Any]:
    """Return all that was said before the end; a last line may be cut short."""
    learnt: dict[str, Any] = {}
    for line in out.splitlines():
        try:
            learnt.update(json.loads(line))
        except ValueError:
            continue
    return learnt


def _judged(
    learnt: Mapping[str, Any], status: int | None, said: str, time_limit_s: float
) -> tuple[Fault, str]:
    step = learnt.get("step", "starting")
    if status is None:
        return "hung", f"not done after {time_limit_s:g} s, while {step}"
    if status < 0:
        return "crashed", f"ended its process ({signal.Signals(-status).name}) while {step}"
    if status:
        return "refused", said
    fault: Fault = learnt.get("fault", "")
    return fault, learnt.get("why", "")


def main(arguments: list[str]) -> int:
    """Be the child: one JSON object a line for each thing learnt, each before the next risk."""
    # A crash is expected here; its memory on the SD card is of use to nobody.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if arguments[0] == "library":
        _ask_library(arguments[1])
    else:
        _ask_pycoral()
    return 0


def _say(**learnt: Any) -> None:  # noqa: ANN401
    sys.stdout.write(json.dumps(learnt) + "\n")
    sys.stdout.flush()


def _ask_library(name: str) -> None:
    before = _mapped()
    _say(step="being loaded")
    try:
        library = ctypes.CDLL(name)
    except OSError as error:
        text = str(error)
        # What it needs itself may be missing, too: the loader names the file it did not find.
        own = text.startswith(f"{name}:") and "No such file" in text
        _say(fault="missing" if own else "refused", why=text)
        return
    new = _mapped() - before
    _say(file=next((path for path in new if Path(name).stem.split(".")[0] in path), ""))
    if not hasattr(library, _ENTRY):
        _say(fault="no_delegate", why=f"has no function {_ENTRY}")
        return
    _ask("telling its version", lambda: _say(version=_version(library)))
    _ask("listing devices", lambda: _say(devices=_devices(library)))


def _ask(step: str, question: Callable[[], None]) -> None:
    _say(step=step)
    question()


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


def _ask_pycoral() -> None:
    _say(step="being imported")
    edgetpu = importlib.import_module("pycoral.utils.edgetpu")
    edgetpu.set_verbosity(0)
    _ask("telling its version", lambda: _say(version=edgetpu.get_runtime_version()))
    _ask("listing devices", lambda: _say(count=len(edgetpu.list_edge_tpus())))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
