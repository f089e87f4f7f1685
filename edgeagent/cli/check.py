"""``edgeagent check``: every fault of a settings file at once, or what it comes to."""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from edgeagent import credentials, settings
from edgeagent.config import Config
from edgeagent.errors import ConfigError, CredentialError
from edgeagent.model import bundles_folder, find_bundle

DEFAULT_FILE = Path("/etc/edgeagent/edgeagent.toml")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("file", nargs="?", type=Path, default=DEFAULT_FILE, help="settings file")
    parser.add_argument("--sample", action="store_true", help="print a commented sample file")
    parser.add_argument("--schema", action="store_true", help="print a JSON Schema for editors")


def run(options: argparse.Namespace) -> int:
    """Print the effective settings; exit 78 on a faulty file, 65 on a faulty bundle."""
    if options.sample:
        sys.stdout.write(sample())
    elif options.schema:
        print(json.dumps(schema(), indent=1))
    else:
        config = settings.load(options.file)
        _check_credentials(config, options.file)
        _check_bundles(config)
        for path, value in settings.flat(config):
            print(f"{path} = {_shown(path, value)}")
    return 0


def _check_credentials(config: Config, file: Path) -> None:
    """Raise ConfigError for every password, key or certificate that cannot be used."""
    faults = []
    for path, value in settings.flat(config):
        try:
            if path.endswith("password_file"):
                credentials.read_secret(value)
            elif path == "mqtt.key_file" and value:
                credentials.check_private(credentials.path_of(value))
        except CredentialError as error:
            faults.append(f"{file}: {path}: {error}")
    if faults:
        raise ConfigError(faults)


def _check_bundles(config: Config) -> None:
    folders = [Path(config.model.folder)] if config.model.folder else []
    for name in filter(None, (config.model.name, config.model.vector)):
        find_bundle(name, [*folders, bundles_folder()])


def _shown(path: str, value: Any) -> str:  # noqa: ANN401
    secret = path.endswith("password_file") and value
    return json.dumps(value) + ("  # a readable secret: ********" if secret else "")


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the settings file."""
    described = msgspec.json.schema(Config)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **described}


def sample() -> str:
    """Return a settings file that says every default, commented out, and one camera."""
    return "".join(_sample_lines())


def _sample_lines() -> Iterator[str]:
    yield "# edgeagent settings. What is commented out is the default.\n"
    yield "# Made by `edgeagent check --sample`; `edgeagent check FILE` finds every fault.\n\n"
    table = ""
    everything = sorted(settings.every_setting(), key=lambda s: "." in s.path)
    for setting in everything:
        section, _, key = setting.path.rpartition(".")
        if section != table:
            table = section
            yield f"\n[[{section}]]\n" if section == "camera" else f"\n[{section}]\n"
        yield from _setting_lines(setting, key)


def _setting_lines(setting: settings.Setting, key: str) -> Iterator[str]:
    yield f"# {setting.text} ({setting.allowed}; reload: {setting.reload})\n"
    given = _EXAMPLE.get(setting.path)
    value = json.dumps(setting.default if given is None else given)
    yield f"{'' if given else '# '}{key} = {value}\n"


_EXAMPLE = {
    "camera.name": "door",
    "camera.source": "video",
    "camera.address": "/dev/video0",
}
