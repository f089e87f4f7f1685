"""``edgeagent look``: show a camera to who stands at the device; the agent lends it meanwhile."""

import argparse
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from edgeagent import control, credentials, picture, settings
from edgeagent.cli.asking import agent_folder
from edgeagent.cli.check import DEFAULT_FILE
from edgeagent.clock import SystemClock
from edgeagent.config import CameraConfig, Config, MotionConfig
from edgeagent.errors import UsageError
from edgeagent.findings import Motion
from edgeagent.frame import Frame
from edgeagent.motion import MotionGate
from edgeagent.motion.grid import CellGrid
from edgeagent.sources import open_source

SETTLE_FRAMES = 5
"""A camera's first frames are often dark: exposure is still being found."""
HOME = "\x1b[H\x1b[J"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("camera", nargs="?", help="its name; default: the first")
    parser.add_argument("--config", type=Path, default=DEFAULT_FILE, help="settings file")
    parser.add_argument("--state", type=Path, help="state folder of the agent that lends it")
    parser.add_argument("--still", type=Path, metavar="FILE.png", help="write a still instead")
    parser.add_argument("--cells", action="store_true", help="draw the motion cells on a still")
    parser.add_argument(
        "--seconds", type=float, default=0.0, help="go on showing for so long, with what moves"
    )


def run(options: argparse.Namespace) -> int:
    """Show one picture, or a film of them, or write a still that only its owner can read."""
    config = settings.load(options.config)
    camera = _chosen(config, options.camera)
    with control.asked(agent_folder(options.state), {"do": "lend", "camera": camera.name}):
        if options.still:
            _still(camera, options.still, config.motion if options.cells else None)
        else:
            _show(camera, config.motion, options.seconds)
    for text in _places(camera):
        print(text)
    return 0


def _chosen(config: Config, name: str | None) -> CameraConfig:
    named = [c for c in config.camera if name in (None, c.name)]
    if not named:
        names = ", ".join(c.name for c in config.camera) or "none in the settings"
        raise UsageError(f"no camera {name!r}; there is {names}")
    return named[0]


def _places(camera: CameraConfig) -> Iterator[str]:
    """Say which zone and line is which, as their names cannot be drawn."""
    for zone in camera.zone:
        colour = ", ".join(map(str, picture.ZONES[zone.kind]))
        yield f"zone {zone.name}: {zone.kind}, {len(zone.polygon)} corners, drawn in RGB {colour}"
    for line in camera.line:
        yield f"line {line.name}: from {line.start} to {line.end}; left of it to right of it is in"


def _still(camera: CameraConfig, path: Path, cells: MotionConfig | None) -> None:
    for number, frame in enumerate(_frames(camera)):
        if number >= SETTLE_FRAMES:
            _save(_drawn(frame, camera, cells), path)
            return


def _drawn(frame: Frame, camera: CameraConfig, cells: MotionConfig | None) -> picture.Pixels:
    pixels = picture.scaled(frame.picture, *frame.picture.size_px)
    if cells is not None:
        rows, columns = frame.luma.shape
        cell_px = CellGrid((rows, columns), cells.cell_px).cell_px
        pixels = picture.celled(pixels, cell_px, (columns, rows))
    return picture.placed(picture.ruled(pixels), camera)


def _save(pixels: picture.Pixels, path: Path) -> None:
    try:
        picture.save_still(pixels, path)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; name a new file") from error
    print(f"{path}: {pixels.shape[1]}x{pixels.shape[0]}, a line at every tenth")


def _show(camera: CameraConfig, motion_config: MotionConfig, seconds: float) -> None:
    gate, end_s = MotionGate(motion_config), time.monotonic() + seconds
    for number, frame in enumerate(_frames(camera)):
        motion = gate.admit(frame)
        if number < SETTLE_FRAMES:
            continue
        last = time.monotonic() >= end_s
        print(f"{HOME if seconds else ''}{_text(frame, camera, motion)}", flush=True)
        if last:
            return


def _frames(camera: CameraConfig) -> Iterator[Frame]:
    """Yield its frames as the daemon would take them; a camera that fails is an error at once."""
    password = credentials.read_secret(camera.password_file).reveal()
    return open_source(camera, SystemClock(), password=password).frames()


def _text(frame: Frame, camera: CameraConfig, motion: Motion | None) -> str:
    columns, lines = shutil.get_terminal_size()
    size = picture.fitting(frame.picture, columns - 4, lines - 3)
    pixels = picture.placed(picture.scaled(frame.picture, *size), camera)
    if motion:
        pixels = picture.outlined(pixels, motion.regions, picture.MOVED)
    return picture.half_blocks(pixels)
