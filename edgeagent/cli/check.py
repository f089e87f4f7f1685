"""``edgeagent check``: every fault of a settings file at once, or what it comes to."""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from edgeagent import credentials, overlay, settings
from edgeagent.acting import telling
from edgeagent.config import Config
from edgeagent.errors import ConfigError, CredentialError
from edgeagent.model import bundles_folder, find_bundle

DEFAULT_FILE = Path("/etc/edgeagent/edgeagent.toml")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("file", nargs="?", type=Path, default=DEFAULT_FILE, help="settings file")
    parser.add_argument("--sample", action="store_true", help="print a commented sample file")
    parser.add_argument("--schema", action="store_true", help="print a JSON Schema for editors")
    parser.add_argument("--state", type=Path, help="state folder; default: $STATE_DIRECTORY")


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
        _print_settings(config, options.file, options.state or _state_folder())
        _print_actions(config)
    return 0


def _state_folder() -> Path:
    # Here: run imports this file.
    from edgeagent.cli.run import state_folder

    return state_folder()


def _print_settings(config: Config, file: Path, state: Path) -> None:
    """Print each setting in force, and which file sets it where that is not its default."""
    over, text = _overlay(state), file.read_text(encoding="utf-8")
    new, faults = overlay.applied(config, over.values)
    before = dict(settings.flat(config))
    for path, value in settings.flat(new):
        line = settings.line_of(text, path)
        origin = f"  # {file}:{line}" if line else ""
        if path in over.values and before[path] != value:
            origin = f"  # {state / overlay.FILE}: {over.origin(path)}"
        print(f"{path} = {_shown(path, value)}{origin}")
    for fault in faults:
        print(f"# not in force, {state / overlay.FILE}: {fault}")


def _print_actions(config: Config) -> None:
    """Say what events set going here, and on standard error what stands in its way."""
    for action in config.action:
        print(f"# action {action.name}: {telling.sentence(action)}")
        for warning in telling.warnings(action):
            print(f"warning: action {action.name}: {warning}", file=sys.stderr)


def _overlay(state: Path) -> overlay.Set:
    """Return what was set from afar; what cannot be read is not in force in the agent either."""
    try:
        return overlay.read(state).now
    except overlay.UNREADABLE as error:
        print(f"# {state / overlay.FILE} cannot be read: {error}", file=sys.stderr)
        return overlay.Set({}, "")


def _check_credentials(config: Config, file: Path) -> None:
    """Raise ConfigError for every password, key or certificate that cannot be used."""
    faults = []
    for path, value in settings.flat(config):
        try:
            if path.endswith(("password_file", "token_file")):
                credentials.read_secret(value)
            elif path.endswith("key_file") and value:
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
    secret = path.endswith(("password_file", "token_file")) and value
    return json.dumps(value) + ("  # a readable secret: ********" if secret else "")


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the settings file."""
    described = msgspec.json.schema(Config)
    # Through bytes and back: a default may be a tuple, which JSON has not.
    plain = msgspec.json.decode(msgspec.json.encode(described))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **plain}


def sample() -> str:
    """Return a settings file that says every default, commented out, and one camera."""
    return "".join(_sample_lines())


def _sample_lines() -> Iterator[str]:
    yield "# edgeagent settings. What is commented out is the default, an example after a bare #.\n"
    yield "# Made by `edgeagent check --sample`; `edgeagent check FILE` finds every fault.\n\n"
    table = ""
    everything = sorted(settings.every_setting(), key=lambda s: "." in s.path)
    for setting in everything:
        section, _, key = setting.path.rpartition(".")
        if section != table:
            table = section
            yield f"\n{_header(section)}\n"
        yield from _setting_lines(setting, key)


def _header(section: str) -> str:
    if section.startswith(_OPTIONAL):
        return f"#[[{section}]]"
    return f"[[{section}]]" if section == "camera" else f"[{section}]"


def _setting_lines(setting: settings.Setting, key: str) -> Iterator[str]:
    section = setting.path.rpartition(".")[0]
    how = f"reload: {setting.reload}" + ("; remote" if setting.remote else "")
    yield f"# {setting.text} ({setting.allowed}; {how})\n"
    given = _EXAMPLE.get(setting.path)
    value = json.dumps(setting.default if given is None else given)
    mark = "#" if section.startswith(_OPTIONAL) else "# "
    yield f"{mark if given is None or mark == '#' else ''}{key} = {value}\n"


_OPTIONAL = ("camera.", "action")
"""Tables of which there may be several, and need be none."""
_EXAMPLE: dict[str, object] = {
    "camera.name": "door",
    "camera.source": "video",
    "camera.address": "/dev/video0",
    "camera.zone.name": "pavement",
    "camera.zone.polygon": [[0.0, 0.5], [1.0, 0.5], [1.0, 1.0], [0.0, 1.0]],
    "camera.zone.labels": ["person"],
    "camera.line.name": "gate",
    "camera.line.from": [0.5, 1.0],
    "camera.line.to": [0.5, 0.5],
    "camera.line.labels": ["person"],
    "camera.armed.from": "22:00",
    "camera.armed.to": "06:00",
    "camera.armed.days": ["mon", "tue", "wed", "thu", "fri"],
    "action.name": "siren",
    "action.labels": ["person"],
    "action.cameras": ["door"],
    "action.min_score": 0.6,
    "action.argv": ["/usr/local/bin/siren", "--loud"],
}
