"""``edgeagent run``: watch and publish, as the service does."""

import argparse
import os
from pathlib import Path

from edgeagent import settings
from edgeagent.cli.check import DEFAULT_FILE
from edgeagent.cli.log import name_device
from edgeagent.clock import SystemClock
from edgeagent.errors import ConfigError
from edgeagent.supervisor import Supervisor, on_signals


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("--config", type=Path, default=DEFAULT_FILE, help="settings file")
    parser.add_argument("--state", type=Path, help="state folder; default: $STATE_DIRECTORY")


def run(options: argparse.Namespace) -> int:
    """Run until told to stop."""
    config = settings.load(options.config)
    if not config.camera:
        raise ConfigError([f"{options.config}: camera: there is none; add a [[camera]] table"])
    name_device(config.device_name)
    state = options.state or state_folder()
    supervisor = Supervisor(config, options.config, state, SystemClock(config.clock.flag))
    on_signals(supervisor)
    return supervisor.run()


def state_folder() -> Path:
    """Return systemd's folder for us, else the user's own."""
    if given := os.environ.get("STATE_DIRECTORY"):
        return Path(given.split(":")[0])
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "edgeagent"
