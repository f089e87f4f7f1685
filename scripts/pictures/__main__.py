"""``scripts/screenshots [NAME...]``: the pictures in docs/pictures, made anew."""

import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

from scripts.pictures.page import SETTINGS, shoot_page
from scripts.pictures.running import seen
from scripts.pictures.scene import EDGEAGENT, Scene, scene
from scripts.pictures.svg import svg

ROOT = Path(__file__).parents[2]
INTO = ROOT / "docs" / "pictures"
WIDE = 100
WATCHED_S = 45
KILLED_S = 25
"""When one of the agents dies, so that its will is seen."""


def _watch(at: Scene) -> None:
    """Show a fleet, of which one device is lost on the way."""
    death = threading.Timer(KILLED_S, lambda: at.agents["gate"].send_signal(signal.SIGKILL))
    death.start()
    arguments = ["watch", "--broker", at.broker, "--seconds", str(WATCHED_S)]
    _shoot("watch", "edgeagent watch", arguments, 26)
    death.join()


def _status(at: Scene) -> None:
    _shoot("status", "edgeagent status", ["status", "--state", at.state("porch")], 60)


def _doctor(at: Scene) -> None:
    """Show one device that is well, and one that is not."""
    for name, device in (("doctor", "porch"), ("doctor-faults", "shed")):
        arguments = ["doctor", "--config", at.settings(device), "--state", at.state(device)]
        _shoot(name, "edgeagent doctor", arguments, 100)


def _bench(at: Scene) -> None:
    """Show the bench, on a machine that does nothing else."""
    at.end()
    _shoot("bench", "edgeagent bench --runs 300", ["bench", "--runs", "300"], 100)


def _page(at: Scene) -> None:
    """Show the page to a headless Chromium, where this release has one."""
    if find_spec("edgeagent.page") is None:
        print("page: this release has none", file=sys.stderr)
        return
    shoot_page(at, "porch", INTO)


PICTURES: Mapping[str, Callable[[Scene], None]] = {
    "watch": _watch,
    "status": _status,
    "page": _page,
    "doctor": _doctor,
    "bench": _bench,
}


def _shoot(name: str, title: str, arguments: list[str], lines: int) -> None:
    instead = {str(ROOT): "~/edgeagent"}
    terminal = seen([*EDGEAGENT, *arguments], (WIDE, lines), instead=instead)
    (INTO / f"{name}.svg").write_text(svg(terminal.cells, title))


def main(names: list[str]) -> int:
    """Make the pictures named, or all."""
    unknown = set(names) - set(PICTURES)
    if unknown:
        print(f"{', '.join(unknown)}: there is {', '.join(PICTURES)}", file=sys.stderr)
        return 64
    INTO.mkdir(exist_ok=True)
    # A short path, for it is to be read in a picture.
    folder = Path(tempfile.gettempdir()) / "edgeagent"
    shutil.rmtree(folder, ignore_errors=True)
    more = {"porch": SETTINGS} if find_spec("edgeagent.page") else {}
    with scene(folder, more) as at:
        for name in names or PICTURES:
            PICTURES[name](at)
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
