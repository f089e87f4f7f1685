"""Opens the parts that a configuration names: the engines and the cameras.

Two ways: strictly, for a person who is waiting (`open_engines`), and for a device with nobody on
site (`keep_looking`), where a bad model must not stop the agent.
"""

import logging
import threading
from collections.abc import Sequence
from pathlib import Path

from edgeagent import credentials
from edgeagent.accelerators import Ties, open_accelerated, wants_accelerator
from edgeagent.atomic import write_whole
from edgeagent.attention import Attention
from edgeagent.clock import Clock
from edgeagent.config import CameraConfig, ModelConfig
from edgeagent.engines import Engine, Tell, open_engine
from edgeagent.engines.accelerator import Accelerator
from edgeagent.engines.trial import ensure_tried
from edgeagent.errors import DAMAGED, ModelError
from edgeagent.findings import Notice
from edgeagent.looker import Engines
from edgeagent.model import Bundle, bundles_folder, find_bundle, load_bundle
from edgeagent.sources import Source, open_source
from edgeagent.sources.reopening import Reopening

_log = logging.getLogger(__name__)

LAST_GOOD = "last-good-model"
"""File in the state folder: the folder of the last bundle that looked."""


def find(config: ModelConfig, name: str) -> Bundle:
    """Return the bundle ``name``: a folder where it has a slash, else from ``config.folder``.

    Raises:
        BundleError: there is none, or it is not what its manifest says.
    """
    if "/" in name:
        return load_bundle(Path(name))
    own = [Path(config.folder)] if config.folder else []
    return find_bundle(name, [*own, bundles_folder()])


def open_engines(
    config: ModelConfig, state: Path | None = None, ties: Ties | None = None, wait: bool = True
) -> Engines:
    """Open the engines that ``config`` names, after a trial of what is new to this machine.

    Args:
        config: the ``[model]`` table.
        state: folder where passed trials are kept; None to try each time.
        ties: who hears what happens to the engines, and what else they are tied to.
        wait: for an Edge TPU, however long it takes; False: begin on the CPU, and come to it when
            `Engines.begin` is called.

    Raises:
        ModelError: a bundle, or the runtime, will not do.
    """
    names = [name for name in (config.name, config.vector) if name]
    bundles = [find(config, name) for name in names]
    engines, accelerators = _open_all(config, bundles, state, ties or Ties())
    for accelerator in accelerators if wait else ():
        accelerator.attempt()
        accelerator.start()
    opened = iter(engines)
    look = next(opened) if config.name else None
    return Engines(look, next(opened, None), accelerators)


def _open_all(
    config: ModelConfig, bundles: Sequence[Bundle], state: Path | None, ties: Ties
) -> tuple[list[Engine], list[Accelerator]]:
    def open_cpu(bundle: Bundle) -> Engine:
        return _open_cpu(config, bundle, state, ties)

    if wants_accelerator(config, bundles):
        return open_accelerated(bundles, config, open_cpu, ties)
    return [open_cpu(bundle) for bundle in bundles], []


def _open_cpu(config: ModelConfig, bundle: Bundle, state: Path | None, ties: Ties) -> Engine:
    if config.device == "scripted":
        return open_engine(bundle, "scripted")
    ensure_tried(bundle.cpu_file(), state, config.runtime)
    return open_engine(bundle, "cpu", config.runtime, config.threads, tell=ties.tell)


def keep_looking(config: ModelConfig, state: Path, ties: Ties) -> Engines:
    """Open the engines; a bad bundle gives the last good one, or none: motion alone is reported.

    An Edge TPU is not waited for: whatever it does when it is opened, the CPU looks meanwhile.
    """
    try:
        engines = open_engines(config, state, ties, wait=False)
    except ModelError as error:
        _log.error("%s", error)
        ties.health.fault("engine", str(error))
        ties.tell(Notice("engine", "refused", str(error), config.name))
        return _last_good(config, state, ties)
    ties.health.well("engine")
    if engines.look:
        _remember(state, engines.look.bundle)
    return engines


def _last_good(config: ModelConfig, state: Path, ties: Ties) -> Engines:
    try:
        folder = Path((state / LAST_GOOD).read_text().strip())
        engines, accelerators = _open_all(config, [load_bundle(folder)], state, ties)
    except (*DAMAGED, ModelError) as error:
        _log.error("no last good model either (%s): motion alone is reported", error)
        return Engines()
    return Engines(engines[0], None, accelerators)


def _remember(state: Path, bundle: Bundle) -> None:
    # Resolved: the link that stands before a fleet's bundles may soon lead to another.
    path, folder = state / LAST_GOOD, str(bundle.folder.resolve())
    try:
        if not path.exists() or path.read_text() != folder:
            write_whole(path, folder.encode())
    except DAMAGED as error:
        _log.warning("%s: cannot be kept: %s", path, error)


def open_camera(
    config: CameraConfig, clock: Clock, tell: Tell, stop: threading.Event, attention: Attention
) -> Source:
    """Return a camera that is opened again, with back-off, for as long as the agent runs.

    A Pi camera says by itself when it has failed too often (`sources.picamera_life.RESTARTS`):
    then the process ends with status 69, and systemd starts it anew.
    """
    password = credentials.read_secret(config.password_file)

    def open_again() -> Source:
        return open_source(config, clock, True, password.reveal(), attention, tell)

    return Reopening(open_again, tell, clock, stop, name=config.name)
