"""Edge TPUs: what the room ``edgetpu`` finds wrong, weighed by what the settings ask for."""

from collections.abc import Iterator

from edgeagent.doctor import Check, Line, fault, warning, well
from edgeagent.doctor.case import Case
from edgeagent.edgetpu import LIBRARY, Device, board, find_devices
from edgeagent.edgetpu.advice import Machine, Trouble, examine, packaged, usable
from edgeagent.edgetpu.library import TIME_LIMIT_S, probe_library, probe_pycoral
from edgeagent.errors import AcceleratorError

CPU_ONLY = ("cpu", "scripted")


def checks(case: Case) -> Iterator[Check]:
    """See the family's contract."""
    yield Check("edge tpu", lambda: _look(case), 2 * TIME_LIMIT_S + 5)


def _look(case: Case) -> Iterator[Line]:
    device = case.config.model.device if case.config else "auto"
    library = case.config.model.library if case.config else LIBRARY
    root = case.host.root
    devices = find_devices(root / "sys", root / "dev")
    if device in CPU_ONLY or (device == "auto" and not devices):
        why = "none is plugged in" if device == "auto" else f'[model] device = "{device}"'
        yield well("edge tpu", f"{why}; the models run on the CPU")
        return
    probed = probe_library(library)
    machine = Machine(devices, probed, probe_pycoral(), packaged(root / "var/lib/dpkg/status"),
                      board(root / "sys"))  # fmt: skip
    troubles = examine(machine)
    good = usable(devices, troubles)
    yield from (_trouble(trouble, bool(good), device) for trouble in troubles)
    if good:
        yield well("edge tpu", f"{', '.join(map(_told, good))}; {library} {probed.version}")


def _trouble(trouble: Trouble, any_good: bool, device: str) -> Line:
    about = f"{trouble.about}: " if trouble.about else ""
    # With "auto" the agent runs on the CPU meanwhile, and says so.
    if trouble.stops and not any_good and device != "auto":
        return fault("edge tpu", about + trouble.what, *trouble.cures, kind=AcceleratorError)
    return warning("edge tpu", about + trouble.what, *trouble.cures)


def _told(device: Device) -> str:
    speed = f", {device.speed_mbps} Mbit/s" if device.speed_mbps else ""
    warm = f", {device.temp_c:.0f} C" if device.temp_c is not None else ""
    return f"{device.name} at {device.port}{speed}{warm}"
