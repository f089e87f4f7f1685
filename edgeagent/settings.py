"""Read the settings file, find every fault in it at once, and say what a change means."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
from msgspec import inspect

from edgeagent.config import CameraConfig, Config, Reload
from edgeagent.errors import ConfigError
from edgeagent.manifest import did_you_mean

Table = Mapping[str, Any]

CELLS_PX = (4, 8, 16)
SOURCES_WITH_ADDRESS = ("video", "images")
MAX_SLASHES = 7
"""AWS IoT Core's limit on a topic (AWS service quotas); ours add at most three to the prefix."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as config.py describes it."""

    path: str
    """``motion.cell_px``; ``camera.name`` for one of each camera."""
    kind: inspect.Type
    default: Any
    text: str
    unit: str
    reload: Reload

    @property
    def allowed(self) -> str:
        """What a value must be, in words."""
        return _allowed(self.kind, self.unit)


@dataclass(frozen=True, slots=True)
class Change:
    """A setting that differs between two files, and what a reload may do with it."""

    path: str
    reload: Reload


def load(path: Path) -> Config:
    """Read and check the TOML file at ``path``.

    Raises:
        ConfigError: with every fault in it, each naming file, line, setting, value and cure.
    """
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(
            [f"{path}: {error.strerror}; edgeagent check --sample makes one"]
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: is not TOML: {error}"]) from None
    return parse(table, str(path), text)


def parse(table: Table, name: str = "settings", text: str = "") -> Config:
    """Check ``table`` and return the settings in it; ``text`` is searched for line numbers.

    Raises:
        ConfigError: with every fault found.
    """
    faults: list[Fault] = []
    # What is right is kept, so that faults between settings are found in the same go.
    config = msgspec.convert(_clean(Config, table, "", faults), Config)
    faults.extend(_cross_faults(config))
    if faults:
        raise ConfigError([_located(name, text, path, what) for path, what in faults])
    return config


Fault = tuple[str, str]
"""The path of a setting, and what is wrong with it."""


def _clean(section: type[msgspec.Struct], table: Any, path: str, faults: list[Fault]) -> Table:  # noqa: ANN401
    """Return the settings of ``table`` that are right; append what is wrong to ``faults``."""
    if not isinstance(table, Mapping):
        name = path.rstrip(".")
        faults.append((name, f"{table!r} is not a table; write it as [{name}]"))
        return {}
    hints = get_type_hints(section, include_extras=True)
    good: dict[str, Any] = {}
    for key, value in table.items():
        if key not in hints:
            faults.append((path + key, f"no such setting{did_you_mean(key, hints)}"))
        elif key == "camera":
            good[key] = _clean_cameras(value, faults)
        elif isinstance(hints[key], type) and issubclass(hints[key], msgspec.Struct):
            good[key] = _clean(hints[key], value, f"{path}{key}.", faults)
        elif what := _value_fault(hints[key], value):
            faults.append((path + key, what))
        else:
            good[key] = value
    return good


def _clean_cameras(value: Any, faults: list[Fault]) -> list[Table]:  # noqa: ANN401
    if not isinstance(value, list):
        faults.append(("camera", "must be one or more tables; write each as [[camera]]"))
        return []
    return [_clean(CameraConfig, t, f"camera[{n}].", faults) for n, t in enumerate(value)]


def _value_fault(hint: Any, value: Any) -> str:  # noqa: ANN401
    try:
        msgspec.convert(value, hint)
    except msgspec.ValidationError:
        return f"{value!r} is not {_allowed(inspect.type_info(hint), _unit(hint))}"
    return ""


def _unit(hint: Any) -> str:  # noqa: ANN401
    kind = inspect.type_info(hint)
    extra = kind.extra if isinstance(kind, inspect.Metadata) else None
    return str((extra or {}).get("unit", ""))


def _allowed(kind: inspect.Type, unit: str) -> str:
    if isinstance(kind, inspect.Metadata):
        kind = kind.type
    unit = f" {unit}" if unit else ""
    match kind:
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType(ge=low, le=high):
            return f"a whole number within {low} to {high}{unit}"
        case inspect.FloatType(ge=low, le=high):
            return f"a number within {low:g} to {high:g}{unit}"
        case inspect.StrType(pattern=str(pattern)):
            choice = re.fullmatch(r"\^\((.*)\)\$", pattern.replace("\\", ""))
            return f"one of {choice[1].replace('|', ', ')}" if choice else f"a text like {pattern}"
        case inspect.ListType():
            return "a list of texts"
    return "a text"


def _cross_faults(config: Config) -> Iterator[Fault]:
    """Yield what is wrong between settings that are each right."""
    if config.motion.cell_px not in CELLS_PX:
        yield "motion.cell_px", f"{config.motion.cell_px} is none of 4, 8 and 16 px"
    yield from _mqtt_faults(config)
    names = [camera.name for camera in config.camera]
    for number, camera in enumerate(config.camera):
        yield from _one_camera_faults(camera, f"camera[{number}].")
        if camera.name in names[:number]:
            yield f"camera[{number}].name", f"{camera.name!r} is taken by another camera"


def _mqtt_faults(config: Config) -> Iterator[Fault]:
    mqtt = config.mqtt
    if bool(mqtt.cert_file) != bool(mqtt.key_file):
        yield "mqtt.key_file", "a client certificate needs both cert_file and key_file"
    if unknown := set(re.findall(r"{(.*?)}", mqtt.prefix)) - {"site", "device"}:
        yield "mqtt.prefix", f"{{{unknown.pop()}}} is neither {{site}} nor {{device}}"
    elif mqtt.prefix.count("/") + 3 > MAX_SLASHES:
        yield "mqtt.prefix", f"{mqtt.prefix!r} has more than {MAX_SLASHES - 3} slashes"


def _one_camera_faults(camera: CameraConfig, path: str) -> Iterator[Fault]:
    if camera.source in SOURCES_WITH_ADDRESS and not camera.address:
        yield f"{path}address", f"a camera of kind {camera.source!r} needs an address"
    for key in ("address", "detail"):
        if re.match(r"\w+://[^/@]*:[^/@]*@", getattr(camera, key)):
            yield path + key, "holds a password; put it into a file and name it in password_file"
    if camera.detail and not ("://" in camera.detail and camera.source == "video"):
        yield f"{path}detail", 'must be an rtsp:// address, and source "video"'


def _located(name: str, text: str, path: str, what: str) -> str:
    line = line_of(text, path)
    return f"{name}:{line}: {path}: {what}" if line else f"{name}: {path}: {what}"


def line_of(text: str, path: str) -> int:
    """Return the line of ``text`` (from 1) that sets ``path``, 0 where it cannot be found."""
    header, _, key = path.rpartition(".")
    wanted, number = (header.split("[")[0], _number(header))
    table, count = "", -1
    for line_no, line in enumerate(text.splitlines(), 1):
        if match := re.match(r"\s*\[+\s*([\w.]+)\s*\]+", line):
            table = match[1]
            count += table == wanted
        here = table == wanted and (number is None or count == number)
        if here and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line):
            return line_no
    return 0


def _number(header: str) -> int | None:
    match = re.search(r"\[(\d+)\]", header)
    return int(match[1]) if match else None


def every_setting(section: type[msgspec.Struct] = Config, path: str = "") -> Iterator[Setting]:
    """Yield every setting there is, in the order of config.py."""
    info = inspect.type_info(section)
    assert isinstance(info, inspect.StructType)
    for field in info.fields:
        kind = field.type
        if isinstance(kind, inspect.StructType):
            yield from every_setting(kind.cls, f"{path}{field.name}.")
        elif field.name == "camera":
            yield from every_setting(CameraConfig, "camera.")
        elif isinstance(kind, inspect.Metadata):
            yield _setting(f"{path}{field.name}", field, kind)


def _setting(path: str, field: inspect.Field, kind: inspect.Metadata) -> Setting:
    made = field.default_factory
    default = field.default if made is msgspec.NODEFAULT else made()
    extra = kind.extra or {}
    text = str((kind.extra_json_schema or {})["description"])
    return Setting(path, kind, default, text, extra["unit"], extra["reload"])


def changes(old: Config, new: Config) -> list[Change]:
    """Return the settings that differ; a camera that came or went is ``camera`` itself."""
    if [c.name for c in old.camera] != [c.name for c in new.camera]:
        return [Change("camera", Reload.START), *_differences(old, new, skip="camera.")]
    return _differences(old, new, skip="")


def _differences(old: Config, new: Config, skip: str) -> list[Change]:
    known = {s.path: s.reload for s in every_setting()}
    before, after = dict(flat(old)), dict(flat(new))
    return [
        Change(path, known[re.sub(r"\[\d+\]", "", path)])
        for path in after
        if before.get(path) != after[path] and not (skip and path.startswith("camera["))
    ]


def flat(config: Config) -> Sequence[tuple[str, Any]]:
    """Return every effective setting as (path, value), cameras numbered from 0."""
    return list(_flat(config, ""))


def _flat(section: msgspec.Struct, path: str) -> Iterator[tuple[str, Any]]:
    for name in section.__struct_fields__:
        value = getattr(section, name)
        if isinstance(value, msgspec.Struct):
            yield from _flat(value, f"{path}{name}.")
        elif name == "camera":
            for number, camera in enumerate(value):
                yield from _flat(camera, f"camera[{number}].")
        else:
            yield path + name, value
