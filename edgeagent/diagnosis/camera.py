"""Whether a camera delivers."""

from urllib.parse import urlsplit

from edgeagent.bulletin import Level, State
from edgeagent.diagnosis.readings import CameraReading

LOST_S = 15.0
"""A camera that is away for less may only have been opened again: a warning, then a fault."""
SILENT_S = 30.0
"""No frame for so long, and for three times ``stall_s``, is a fault though nobody said why: its
source should have given up before."""

_AT_REST = {
    "paused": "it is paused; edgeagent resume begins it again",
    "lent": "somebody at the device looks through it",
    "ended": "its file or folder has come to an end",
}


def of_camera(reading: CameraReading) -> State:
    """Return how one camera fares: ``paused lent ended | stuck lost silent detail``."""
    if reading.state != "watched":
        why = _AT_REST.get(reading.state, f"it is {reading.state}")
        return State("ok", reading.state, why)
    if reading.stuck:
        cure = "systemctl restart edgeagent; if it comes back, journalctl -u edgeagent -n 100"
        return State("fault", "stuck", reading.stuck, cure)
    if reading.lost:
        return _lost(reading)
    if reading.silent_s > max(SILENT_S, 3 * reading.stall_s):
        why = f"no frame for {reading.silent_s:.0f} s, and its source does not say why"
        return State("fault", "silent", why, _cure(reading))
    if reading.detail_lost:
        why = f"looks are at the small stream, the main one is away: {reading.detail_lost}"
        return State("warning", "detail", why, "see camera.detail, and whether that stream plays")
    return State()


def _lost(reading: CameraReading) -> State:
    level: Level = "fault" if reading.lost_s >= LOST_S else "warning"
    return State(level, "lost", reading.lost, _cure(reading))


def _cure(reading: CameraReading) -> str:
    """Return what to look at, by the kind of camera."""
    if reading.source == "picamera":
        return (
            "rpicam-hello --list-cameras shows what the system sees; with the power off, press its "
            "ribbon cable home at both ends"
        )
    if reading.address.startswith(("rtsp://", "rtsps://")):
        host = urlsplit(reading.address).hostname or "its address"
        return f"see that it is on: ping {host}; then camera.address and camera.password_file"
    if reading.address.startswith("/dev/"):
        return f"ls {reading.address}; plug it into another port, or straight into the board"
    return "see that camera.address is there and may be read by the user edgeagent"
