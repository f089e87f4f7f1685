"""Takes one frame of a camera in a throw-away child, which says its size and how long it took.

As a child: ``python -m edgeagent.doctor.glimpse SETTINGS CAMERA``. The frame never leaves it.
"""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

from edgeagent.edgetpu.throwaway import prepare, run_child, say

LIMIT_S = 20.0
"""Longest for opening a camera and taking a frame; a stream over the network takes seconds."""


@dataclass(frozen=True, slots=True)
class Glimpsed:
    """What came of it."""

    width_px: int = 0
    height_px: int = 0
    seconds: float = 0.0
    why: str = ""
    """Why there was no frame; "" where there was one."""


def glimpsed(settings: Path, camera: str, limit_s: float = LIMIT_S) -> Glimpsed:
    """Open the camera named ``camera`` in the file ``settings`` for as long as a frame takes."""
    end = run_child(__name__, [str(settings), camera], limit_s)
    learnt = end.learnt
    if "frame" in learnt:
        return Glimpsed(*learnt["frame"])
    return Glimpsed(why=learnt.get("why") or end.why or "it gave no frame")


def main(arguments: list[str]) -> int:
    """Be the child."""
    prepare()
    say(step="loading what reads it")
    from edgeagent.errors import EdgeagentError

    try:
        say(step="opening it", frame=_frame(Path(arguments[0]), arguments[1]))
    except StopIteration:
        say(why="it has no frame")
    except EdgeagentError as error:
        say(why=str(error))
    return 0


def _frame(settings: Path, name: str) -> tuple[int, int, float]:
    from edgeagent.clock import SystemClock
    from edgeagent.credentials import read_secret
    from edgeagent.settings import load
    from edgeagent.sources import open_source

    config = next(camera for camera in load(settings).camera if camera.name == name)
    password, began_s = read_secret(config.password_file).reveal(), time.monotonic()
    source = open_source(config, SystemClock(), password=password)
    try:
        width, height = next(source.frames()).picture.size_px
    finally:
        source.close()
    return width, height, round(time.monotonic() - began_s, 2)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
