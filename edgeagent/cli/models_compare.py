"""``edgeagent models compare``: does a model server say what the device says, and at what cost."""

import argparse
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from edgeagent import assembly
from edgeagent.bench import clip_config
from edgeagent.cli.models_eval import DEVICES
from edgeagent.cli.progress import Shown
from edgeagent.cli.replay import chosen_config
from edgeagent.clock import ManualClock
from edgeagent.errors import AcceleratorError, UsageError
from edgeagent.frame import Picture
from edgeagent.sources import open_source


def add_arguments(ways: Any) -> None:  # noqa: ANN401
    """Say what it takes."""
    text = "ask a device's engine and a model server, which is sent them, about the same frames"
    parser: argparse.ArgumentParser = ways.add_parser("compare", help=text, description=text)
    parser.add_argument("bundle", metavar="BUNDLE", help="by name, or a folder with a slash")
    parser.add_argument("clip", type=Path, metavar="CLIP", help="a film, a still, or their folder")
    parser.add_argument(
        "--server", required=True, metavar="URL", help="where the frames go: https://HOST"
    )
    parser.add_argument("--plain-http", action="store_true", help="http:// to another host, too")
    parser.add_argument(
        "--as", dest="served", default="", metavar="NAME",
        help="what the server calls the model; default: as the bundle",
    )  # fmt: skip
    parser.add_argument(
        "--send", choices=("image", "picture"), default="image",
        help="what the device fitted for its model, or the whole picture, fitted over there",
    )  # fmt: skip
    parser.add_argument("--frames", type=int, default=100, metavar="N", help="at most so many")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only each N-th frame")
    parser.add_argument("--device", choices=DEVICES, default="cpu", help="what runs it here")
    parser.add_argument(
        "--least", type=float, default=0.0, metavar="X",
        help="status 1 if the agreement is less; 0 to 1",
    )  # fmt: skip
    parser.add_argument("--config", type=Path, help="settings file, for [model] and [events]")
    parser.add_argument("--json", action="store_true", help="print the comparison as JSON")
    parser.set_defaults(go=run)


def run(options: argparse.Namespace) -> int:
    """Compare and print; exit 1 where the two agree less than asked for."""
    from edgeagent.serving.client import Server
    from edgeagent.serving.comparing import Way, compare

    _check(options)
    config = chosen_config(options.config)
    model = msgspec.structs.replace(
        config.model, name=options.bundle, vector="", device=options.device, fallback="none"
    )
    server = Server(options.server, options.plain_http)
    served = options.served or assembly.find(model, options.bundle).name
    # Before a model is loaded here: a server that is not there is found out at once.
    server.metadata(served)
    events = config.events
    way = Way(served, options.send, events.threshold, events.top)
    engine = assembly.open_engines(model).look
    if engine is None:
        raise AcceleratorError(f"{options.device}: nothing answers", cause="no_device")
    try:
        found = compare(engine, server, way, _pictures(options))
    finally:
        engine.close()
        server.close()
    print(found.json() if options.json else "\n".join(found.lines()))
    return 1 if found.agreement < options.least else 0


def _check(options: argparse.Namespace) -> None:
    if not 0 <= options.least <= 1:
        raise UsageError(f"--least {options.least:g}: must be 0 to 1")
    for name in ("frames", "every"):
        if getattr(options, name) < 1:
            raise UsageError(f"--{name} {getattr(options, name)}: must be 1 or more")


def _pictures(options: argparse.Namespace) -> Iterator[Picture]:
    """Yield the frames that are asked for; each is valid until the next."""
    camera = msgspec.structs.replace(clip_config(options.clip), loop=False)
    source = open_source(camera, ManualClock(), pace=False)
    try:
        frames = itertools.islice(source.frames(), 0, None, options.every)
        with Shown("frames") as progress:
            for done, frame in enumerate(itertools.islice(frames, options.frames)):
                yield frame.picture
                progress(done + 1, options.frames)
    finally:
        source.close()
