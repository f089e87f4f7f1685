"""Which settings may be set from afar, and the settings file with them in force."""

from typing import Any

import msgspec
from msgspec.structs import replace

from edgeagent.config import Config
from edgeagent.conflicts import conflicts
from edgeagent.errors import ConfigError
from edgeagent.manifest import did_you_mean
from edgeagent.overlay.kept import Values
from edgeagent.settings import every_setting, hints_of, value_fault


def judge(config: Config, values: Values) -> Config:
    """Return ``config`` with ``values`` in force.

    Args:
        config: of the settings file.
        values: None for those that the settings file is to say again.

    Raises:
        ConfigError: with every fault; nothing is taken over then.
    """
    faults = [f"{p}: {what}" for p, value in values.items() if (what := _fault(config, p, value))]
    if faults:
        raise ConfigError(faults)
    new = _with(config, values)
    known = set(conflicts(config))
    faults = [f"{path}: {what}" for path, what in conflicts(new) if (path, what) not in known]
    if faults:
        raise ConfigError(faults)
    return new


def applied(config: Config, values: Values) -> tuple[Config, list[str]]:
    """Return ``config`` with those of ``values`` that it takes, and what is wrong with others.

    A release that knows other bounds, or another settings file, is no reason not to start.
    """
    faults: list[str] = []
    for path, value in values.items():
        try:
            config = judge(config, {path: value})
        except ConfigError as error:
            faults += error.faults
    return config, faults


def _fault(config: Config, path: str, value: object) -> str:
    known = [setting.path for setting in every_setting() if setting.remote]
    if path not in known:
        return f"is no setting that may be set from afar{did_you_mean(path, known)}"
    return "" if value is None else value_fault(_hint(config, path), value)


def _hint(config: Config, path: str) -> Any:  # noqa: ANN401
    section, _, key = path.partition(".")
    return hints_of(type(getattr(config, section)))[key]


def _with(config: Config, values: Values) -> Config:
    for path, value in values.items():
        if value is not None:
            section, _, key = path.partition(".")
            right = {key: msgspec.convert(value, _hint(config, path))}
            table = replace(getattr(config, section), **right)
            config = replace(config, **{section: table})
    return config
