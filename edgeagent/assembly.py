"""Opens the parts that a configuration names: the engines and the cameras.

Two ways: strictly, for a person who is waiting (`open_engines`), and for a device with nobody on
site (`keep_looking`), where a bad model must not stop the agent.
"""

import logging
import threading
from pathlib import Path

from edgeagent import credentials
from edgeagent.agent import Engines
from edgeagent.atomic import write_whole
from edgeagent.attention import Attention
from edgeagent.clock import Clock
from edgeagent.config import CameraConfig, ModelConfig
from edgeagent.engines import Engine, Tell, nobody, open_engine
from edgeagent.engines.trial import ensure_tried
from edgeagent.errors import ModelError
from edgeagent.findings import Notice
from edgeagent.health import Health
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


def open_engines(config: ModelConfig, state: Path | None = None, tell: Tell = nobody) -> Engines:
    """Open the engines that ``config`` names, after a trial of what is new to this machine.

    Args:
        config: the ``[model]`` table.
        state: folder where passed trials are kept; None to try each time.
        tell: hears what happens to the engines.

    Raises:
        ModelError: a bundle, or the runtime, will not do.
    """
    look = _open(config, find(config, config.name), state, tell) if config.name else None
    vector = _open(config, find(config, config.vector), state, tell) if config.vector else None
    return Engines(look, vector)


def _open(config: ModelConfig, bundle: Bundle, state: Path | None, tell: Tell) -> Engine:
    ensure_tried(bundle.files["cpu"], state, config.runtime)
    return open_engine(bundle, "cpu", config.runtime, config.threads, tell=tell)


def keep_looking(config: ModelConfig, state: Path, tell: Tell, health: Health) -> Engines:
    """Open the engines; a bad bundle gives the last good one, or none: motion alone is reported."""
    try:
        engines = open_engines(config, state, tell)
    except ModelError as error:
        _log.error("%s", error)
        health.fault("engine", str(error))
        tell(Notice("engine", "refused", str(error), config.name))
        return Engines(_last_good(config, state, tell))
    health.well("engine")
    if engines.look:
        _remember(state, engines.look.bundle)
    return engines


def _last_good(config: ModelConfig, state: Path, tell: Tell) -> Engine | None:
    try:
        folder = Path((state / LAST_GOOD).read_text().strip())
        return _open(config, load_bundle(folder), state, tell)
    except (OSError, ModelError) as error:
        _log.error("no last good model either (%s): motion alone is reported", error)
        return None


def _remember(state: Path, bundle: Bundle) -> None:
    path, folder = state / LAST_GOOD, str(bundle.folder)
    try:
        if not path.exists() or path.read_text() != folder:
            write_whole(path, folder.encode())
    except OSError as error:
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
