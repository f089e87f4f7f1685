"""Reads a TOML table into dataclasses by their type hints, and notes every fault on the way."""

import difflib
import re
import tomllib
import typing
from collections.abc import Collection, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")
MOST_SHOWN = 300
"""Characters of a wrong value that its fault repeats."""


def did_you_mean(word: str, known: Collection[str]) -> str:
    """Return "; did you mean ...?" for the nearest of ``known``, else all of them."""
    near = difflib.get_close_matches(word, known, 1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(sorted(known))}"


_PART = r"""(?:[A-Za-z0-9_-]++|"[^"\n]*"|'[^'\n]*')"""
_LONG_KEY = re.compile(rf"(?<![A-Za-z0-9_-]){_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{32}}")


def toml(text: str) -> dict[str, Any]:
    """Return what a TOML file says.

    Raises:
        tomllib.TOMLDecodeError: it is none, or has a key of more parts than any of ours; Python's
            reader takes time and memory by their square, 500 MB for 18 kB.
        ValueError: a number in it is of thousands of digits.
        RecursionError: it is nested in hundreds of brackets.
    """
    if _LONG_KEY.search(text):
        raise tomllib.TOMLDecodeError("a key of more than 32 parts")
    return tomllib.loads(text)


def shown(value: object) -> str:
    """Return ``value`` as Python writes it, cut to a line's length."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        # A number of thousands of digits, a list in a thousand others.
        return "something beyond measure"
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one file's table; after a fault it goes on, so that all are found at once."""

    folder: Path
    """Paths in the table are plain relative names within it."""
    faults: list[str]
    """One line for each fault: ``folder.key: what is wrong``."""

    def read(
        self, kind: type[T], table: object, where: str = "", given: Mapping[str, Any] | None = None
    ) -> T | None:
        """Return ``table`` as a ``kind``, None where a fault was noted.

        Args:
            kind: a dataclass whose fields are dataclasses, tuples of them, mappings of text to
                them, paths, or anything that msgspec can check.
            table: what the TOML file says; keys not in ``kind`` are faults.
            where: what stands before a key in a message, "" at the top.
            given: values of fields that are not read from the table.
        """
        if not isinstance(table, dict):
            self.faults.append(f"{where.rstrip('.')}: {shown(table)} is not a table")
            return None
        values = dict(given or {})
        hints = typing.get_type_hints(kind, include_extras=True)
        readable = {name: hint for name, hint in hints.items() if name not in values}
        before = len(self.faults)
        self._unknown(table, readable, where)
        self._missing(kind, {*table, *values}, where)
        for name in readable.keys() & table.keys():
            values[name] = self._value(readable[name], table[name], where + name)
        return kind(**values) if len(self.faults) == before else None

    def _unknown(self, table: Mapping[str, Any], known: Collection[str], where: str) -> None:
        for key in table.keys() - set(known):
            self.faults.append(f"{where}{key}: unknown key{did_you_mean(key, known)}")

    def _missing(self, kind: type, there: set[str], where: str) -> None:
        assert is_dataclass(kind)
        for field in fields(kind):
            if field.name not in there and field.default is MISSING:
                self.faults.append(f"{where}{field.name}: missing")

    def _value(self, hint: Any, raw: object, where: str) -> object:  # noqa: ANN401
        if isinstance(hint, type) and is_dataclass(hint):
            return self.read(hint, raw, f"{where}.")
        if typing.get_origin(hint) is Mapping:
            return self._mapping(hint, raw, where)
        if typing.get_origin(hint) is tuple and is_dataclass(typing.get_args(hint)[0]):
            return self._rows(typing.get_args(hint)[0], raw, where)
        if hint is Path:
            return self._path(raw, where)
        try:
            return msgspec.convert(raw, hint)
        except (ValueError, OverflowError, RecursionError) as error:
            self.faults.append(f"{where}: {shown(raw)} will not do: {error}")
            return None

    def _rows(self, kind: type[T], raw: object, where: str) -> tuple[T | None, ...]:
        if not isinstance(raw, list):
            self.faults.append(f"{where}: {raw!r} is not a list of tables")
            return ()
        return tuple(self.read(kind, one, f"{where} {n}.") for n, one in enumerate(raw, 1))

    def _mapping(self, hint: Any, raw: object, where: str) -> Mapping[str, object]:  # noqa: ANN401
        key_hint, value_hint = typing.get_args(hint)
        known = typing.get_args(key_hint)
        if not isinstance(raw, dict) or not raw:
            self.faults.append(f"{where}: {shown(raw)} is not a table with at least one entry")
            return {}
        if known:
            self._unknown(raw, known, f"{where}.")
        kept = {key: item for key, item in raw.items() if not known or key in known}
        return {key: self._value(value_hint, item, f"{where}.{key}") for key, item in kept.items()}

    def _path(self, raw: object, where: str) -> Path:
        plain = isinstance(raw, str) and raw != "" and "\\" not in raw and "\0" not in raw
        pure = PurePosixPath(raw) if plain else PurePosixPath("..")  # type: ignore[arg-type]
        if pure.is_absolute() or ".." in pure.parts or pure == PurePosixPath("."):
            self.faults.append(f"{where}: {shown(raw)} is not the name of a file in the bundle")
        return self.folder / pure
