"""The cameras: the running agent's word on those it holds, a frame of each that it does not."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from edgeagent.config import CameraConfig
from edgeagent.doctor import Check, Line, fault, warning, well
from edgeagent.doctor.case import Case
from edgeagent.doctor.configuration import unlooked
from edgeagent.doctor.glimpse import LIMIT_S, Glimpsed, glimpsed
from edgeagent.doctor.service import told_of
from edgeagent.errors import CameraError

_CURES: Mapping[str, tuple[str, ...]] = {
    "No such file": ("which there are: v4l2-ctl --list-devices",),
    "Permission denied": ("sudo usermod -aG video edgeagent && sudo systemctl restart edgeagent",),
    "busy": ("who has it: sudo fuser -v /dev/video*",),
    "401": ("the user's name stands in address, the password in password_file",),
    "picamera2 is missing": ("sudo apt install python3-picamera2",),
}
"""What stands in a source's message, and what to type then."""
_BY_SOURCE: Mapping[str, tuple[str, ...]] = {
    "picamera": (
        "see that it is there: rpicam-hello --list-cameras",
        "power off, and seat the ribbon cable anew at both ends",
    ),
    "video": ("edgeagent look CAMERA shows more of it; for a stream: ffprobe ADDRESS",),
    "images": ("see that the folder holds JPEG or PNG files",),
}


def checks(case: Case) -> Iterator[Check]:
    """See the family's contract."""
    if case.config is None:
        yield Check("cameras", lambda: [unlooked("cameras")])
        return
    for camera in case.config.camera:
        yield Check(camera.name, _look(case, camera), LIMIT_S + 5)


def _look(case: Case, camera: CameraConfig) -> Callable[[], Iterable[Line]]:
    if case.refused:
        what = "not opened: an agent runs that could not be asked whether it holds it"
        return lambda: [warning(camera.name, what, "sudo edgeagent doctor")]
    held = (case.agent or {}).get("cameras", {}).get(camera.name)
    if case.agent is not None and held:
        return lambda: _held(case.agent or {}, camera, held)
    return lambda: _opened(camera, glimpsed(case.file, camera.name))


def _held(agent: Mapping[str, Any], camera: CameraConfig, state: str) -> Iterator[Line]:
    frames = agent.get("counters", {}).get(f"frames_total.{camera.name}", 0)
    told = f"{state} by the running agent, {frames:,} frames so far"
    if line := told_of(agent, f"camera.{camera.name}", camera.name):
        yield line
    elif state == "watched" and not frames:
        yield warning(camera.name, f"{told}: none has come yet", *_BY_SOURCE.get(camera.source, ()))
    else:
        yield well(camera.name, told)


def _opened(camera: CameraConfig, seen: Glimpsed) -> Iterator[Line]:
    if not seen.why:
        size = f"{seen.width_px}x{seen.height_px}"
        yield well(camera.name, f"gave a frame of {size} after {seen.seconds:.1f} s")
        return
    why, _, cure = seen.why.removeprefix(f"camera {camera.name}: ").partition("; ")
    more = next((cures for words, cures in _CURES.items() if words in why), ())
    cures = (*filter(None, [cure]), *(more or _BY_SOURCE.get(camera.source, ())))
    yield fault(camera.name, f"gave no frame: {why}", *cures, kind=CameraError)
