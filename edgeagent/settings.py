"""Read the settings file, find every fault in it at once, and say what a change means."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
from msgspec import inspect

from edgeagent.brokers import filled
from edgeagent.brokers.faults import Fault
from edgeagent.config import Config
from edgeagent.conflicts import conflicts
from edgeagent.errors import ConfigError
from edgeagent.manifest import did_you_mean, shown, toml
from edgeagent.setting import Reload

Table = Mapping[str, Any]
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as config.py describes it."""

    path: str
    """``motion.cell_px``; ``camera.name`` for one of each camera, ``camera.zone.name`` likewise."""
    kind: inspect.Type
    default: Any
    text: str
    unit: str
    reload: Reload
    remote: bool = False
    """Whether it may be set from afar, by an order."""

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
        table = toml(text)
    except OSError as error:
        raise ConfigError(
            [f"{path}: {error.strerror}; edgeagent check --sample makes one"]
        ) from None
    except (ValueError, RecursionError) as error:
        raise ConfigError([f"{path}: is not TOML: {error}"]) from None
    return parse(table, str(path), text)


def parse(table: Table, name: str = "settings", text: str = "") -> Config:
    """Check ``table`` and return the settings in it; ``text`` is searched for line numbers.

    Raises:
        ConfigError: with every fault found.
    """
    faults: list[Fault] = []
    # What is right is kept, so that faults between settings are found in the same go.
    good = dict(_clean(Config, table, "", faults))
    config = msgspec.convert({**good, "mqtt": filled(good.get("mqtt", {}))}, Config)
    known = {path for path, _ in faults}
    faults.extend(fault for fault in conflicts(config) if fault[0] not in known)
    if faults:
        raise ConfigError([_located(name, text, path, what) for path, what in faults])
    return config


def _clean(section: type[msgspec.Struct], table: Any, path: str, faults: list[Fault]) -> Table:  # noqa: ANN401
    """Return the settings of ``table`` that are right; append what is wrong to ``faults``."""
    if not isinstance(table, Mapping):
        name = path.rstrip(".")
        wanted = f"[[{_unnumbered(name)}]]" if name.endswith("]") else f"[{name}]"
        faults.append((name, f"{shown(table)} is not a table; write it as {wanted}"))
        return {}
    hints = hints_of(section)
    good: dict[str, Any] = {}
    for key, value in table.items():
        if key not in hints:
            faults.append((path + key, f"no such setting{did_you_mean(key, hints)}"))
        elif _row_of(hints[key]):
            good[key] = _clean_rows(hints[key], value, path + key, faults)
        elif isinstance(hints[key], type) and issubclass(hints[key], msgspec.Struct):
            good[key] = _clean(hints[key], value, f"{path}{key}.", faults)
        elif what := value_fault(hints[key], value):
            faults.append((path + key, what))
        else:
            good[key] = value
    return good


def hints_of(section: type[msgspec.Struct]) -> dict[str, Any]:
    """Return what each key of a table may be, by its name in the file."""
    hints = get_type_hints(section, include_extras=True)
    names = zip(section.__struct_encode_fields__, section.__struct_fields__, strict=True)
    return {key: hints[field] for key, field in names}


def _row_of(hint: Any) -> type[msgspec.Struct] | None:  # noqa: ANN401
    """Return what each table of a list of tables is, None where a setting is no such list."""
    (item, *_) = get_args(get_args(hint)[0] if get_args(hint) else hint) or [None]
    return item if isinstance(item, type) and issubclass(item, msgspec.Struct) else None


def _clean_rows(hint: Any, value: Any, path: str, faults: list[Fault]) -> list[Table]:  # noqa: ANN401
    row, most = _row_of(hint), _most(hint)
    assert row is not None
    if not isinstance(value, list):
        name = _unnumbered(path)
        faults.append((path, f"must be one or more tables; write each as [[{name}]]"))
        return []
    if most and len(value) > most:
        faults.append((path, f"there are {len(value)} tables; at most {most} are taken"))
    return [_clean(row, t, f"{path}[{n}].", faults) for n, t in enumerate(value)][:most]


def _most(hint: Any) -> int | None:  # noqa: ANN401
    kind = inspect.type_info(hint)
    kind = kind.type if isinstance(kind, inspect.Metadata) else kind
    return kind.max_length if isinstance(kind, inspect.ListType) else None


def _unnumbered(path: str) -> str:
    return re.sub(r"\[\d+\]", "", path)


def value_fault(hint: Any, value: Any) -> str:  # noqa: ANN401
    """Return what is wrong with ``value`` for a setting annotated so; "" nothing."""
    # A pattern's $ lets a line's end pass, which would go out in topics.
    texts = value if isinstance(value, list) else [value]
    is_plain = not any(_CONTROL.search(text) for text in texts if isinstance(text, str))
    try:
        msgspec.convert(value, hint)
    except (ValueError, OverflowError, RecursionError):
        return f"{shown(value)} is not {_allowed(inspect.type_info(hint), _unit(hint))}"
    return "" if is_plain else f"{shown(value)} has a control character in it; leave it out"


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
        case inspect.UnionType(types=types):
            return " or ".join(_allowed(one, unit) for one in types)
    return _allowed_list(kind)


def _allowed_list(kind: inspect.Type) -> str:
    match kind:
        case inspect.TupleType():
            return "a point [x, y], both within 0 to 1"
        case inspect.ListType(item_type=inspect.TupleType()):
            return f"a list of {kind.min_length} to {kind.max_length} points [x, y] within 0 to 1"
        case inspect.ListType(item_type=inspect.StrType(pattern=str()) as item):
            return _allowed(item, "").replace("one of", "a list of any of")
        case inspect.ListType():
            return "a list of texts"
    return "a text"


def _located(name: str, text: str, path: str, what: str) -> str:
    line = line_of(text, path)
    return f"{name}:{line}: {path}: {what}" if line else f"{name}: {path}: {what}"


def line_of(text: str, path: str) -> int:
    """Return the line of ``text`` (from 1) that sets ``path``, 0 where it cannot be found."""
    header, _, key = path.rpartition(".")
    here, counts = "", dict[str, int]()
    for line_no, line in enumerate(text.splitlines(), 1):
        if match := re.match(r"\s*(\[+)\s*([\w.]+)\s*\]+", line):
            here = _numbered(match[2], counts) if match[1] == "[[" else match[2]
        if here == header and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line):
            return line_no
    return 0


def _numbered(name: str, counts: dict[str, int]) -> str:
    """Return the path of the table that begins as ``[[name]]``; ``counts`` are those so far."""
    parent, _, last = name.rpartition(".")
    above = f"{parent}[{counts.get(parent, 0)}]." if parent else ""
    counts[above + last] = counts.get(above + last, -1) + 1
    counts[name] = counts[above + last]
    return f"{above}{last}[{counts[above + last]}]"


def every_setting(section: type[msgspec.Struct] = Config, path: str = "") -> Iterator[Setting]:
    """Yield every setting there is, in the order of config.py."""
    info = inspect.type_info(section)
    assert isinstance(info, inspect.StructType)
    for field in info.fields:
        kind = field.type
        if isinstance(kind, inspect.StructType):
            yield from every_setting(kind.cls, f"{path}{field.name}.")
        elif row := _row_kind(kind):
            yield from every_setting(row, f"{path}{field.encode_name}.")
        elif isinstance(kind, inspect.Metadata):
            yield _setting(f"{path}{field.encode_name}", field, kind)


def _row_kind(kind: inspect.Type) -> type[msgspec.Struct] | None:
    """Return what `_row_of` does, from a type looked into."""
    match kind:
        case inspect.Metadata(type=inspect.ListType(item_type=inspect.StructType(cls=row))):
            return row
    return None


def _setting(path: str, field: inspect.Field, kind: inspect.Metadata) -> Setting:
    made = field.default_factory
    default = field.default if made is msgspec.NODEFAULT else made()
    extra = kind.extra or {}
    text = str((kind.extra_json_schema or {})["description"])
    reload, remote = extra["reload"], extra.get("remote", False)
    return Setting(path, kind, default, text, extra["unit"], reload, remote)


def changes(old: Config, new: Config) -> list[Change]:
    """Return the settings that differ; a camera that came or went is ``camera`` itself."""
    if [c.name for c in old.camera] != [c.name for c in new.camera]:
        return [Change("camera", Reload.START), *_differences(old, new, skip="camera.")]
    return _differences(old, new, skip="")


def _differences(old: Config, new: Config, skip: str) -> list[Change]:
    known = {s.path: s.reload for s in every_setting()}
    before, after = dict(flat(old)), dict(flat(new))
    return [
        Change(path, known[_unnumbered(path)])
        for path in {**after, **before}
        if before.get(path) != after.get(path) and not (skip and path.startswith("camera["))
    ]


def flat(config: Config) -> Sequence[tuple[str, Any]]:
    """Return every effective setting as (path, value), cameras numbered from 0."""
    return list(_flat(config, ""))


def _flat(section: msgspec.Struct, path: str) -> Iterator[tuple[str, Any]]:
    names = zip(section.__struct_fields__, section.__struct_encode_fields__, strict=True)
    for field, name in names:
        value = getattr(section, field)
        if isinstance(value, msgspec.Struct):
            yield from _flat(value, f"{path}{name}.")
        elif isinstance(value, list) and value and isinstance(value[0], msgspec.Struct):
            for number, row in enumerate(value):
                yield from _flat(row, f"{path}{name}[{number}].")
        elif not (value == [] and _row_of(hints_of(type(section))[name])):
            yield path + name, value
