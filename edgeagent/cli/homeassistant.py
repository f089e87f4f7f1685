"""``edgeagent homeassistant``: what Home Assistant is told of this device, or have it let go."""

import argparse
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from edgeagent import settings
from edgeagent.brokers import personal
from edgeagent.cli.check import DEFAULT_FILE
from edgeagent.cli.page import state_of
from edgeagent.config import Config
from edgeagent.errors import UsageError
from edgeagent.homeassistant.discovery import config_topic, discovery, state_topic
from edgeagent.homeassistant.memory import read
from edgeagent.machine import Machine
from edgeagent.mqtt.once import publish_once

OFF = 'It is off. In {file}: "[homeassistant]", "enabled = true"; then: systemctl reload edgeagent'

SETTLE_S = 2.0
"""So long Home Assistant is given to let go of the entities."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("--config", type=Path, default=DEFAULT_FILE, help="settings file")
    parser.add_argument("--state", type=Path, help="state folder of the agent")
    parser.add_argument("--json", action="store_true", help="print the whole discovery message")
    parser.add_argument(
        "--remove",
        action="store_true",
        help="take this device out of Home Assistant, where no agent will do it any more",
    )


def run(options: argparse.Namespace) -> int:
    """Print what there is, or remove it.

    Raises:
        ConfigError: the settings are faulty.
        LinkError: the broker does not let go.
        UsageError: the agent would tell it again.
    """
    config = settings.load(options.config)
    if options.remove:
        _remove(config, options.state or state_of(options.config), options.config)
        return 0
    told = discovery(config, config.camera, Machine().board, {})
    if options.json:
        print(json.dumps(told, indent=1, ensure_ascii=False))
    else:
        print("\n".join(_lines(config, told["cmps"], options.config)))
    return 0


def _lines(config: Config, entities: dict[str, dict[str, str]], file: Path) -> Iterator[str]:
    if not config.homeassistant.enabled:
        yield OFF.format(file=file)
        yield "It would be told:"
    yield f"topic  {config_topic(config)}"
    for entity in entities.values():
        yield f"{entity['p']:<14} {config.device_name} {entity['name']}"


def _remove(config: Config, state: Path, file: Path) -> None:
    if config.homeassistant.enabled:
        cure = "the agent does it by itself when it has read enabled = false"
        raise UsageError(f"{file}: homeassistant.enabled is true, it would be told again; {cure}")
    known, states = read(state), [state_topic(config, camera.name) for camera in config.camera]
    who, mqtt = f"edgeagent-home-{os.getpid()}", personal(config)
    # The entities first: those that are still there would stumble over an empty state.
    for topics in ({*known.entities, config_topic(config)}, {*known.states, *states}):
        for topic in sorted(topics):
            publish_once(mqtt, who, topic, b"", retain=True)
            print(f"gone  {topic}")
        time.sleep(SETTLE_S)
