"""Advisories as OSV writes them (ossf.github.io/osv-schema), and which versions each is about."""

import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from scripts.releasing.pins import Pin, plain

ECOSYSTEM = "PyPI"
Advisory = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Finding:
    """An advisory that is about a version that is pinned."""

    pin: Pin
    advisory: str
    aliases: tuple[str, ...]
    fixed: tuple[str, ...]
    """The versions that mend it, as far as it says."""
    summary: str


def read(path: Path) -> Iterator[Advisory]:
    """Yield every advisory in ``path``: an export (zip), a folder, or one .json file.

    Raises:
        OSError, ValueError: it cannot be read, or is no such thing.
    """
    if path.is_dir():
        for file in sorted(path.rglob("*.json")):
            yield from _parsed(file.read_bytes(), str(file))
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as export:
            for name in export.namelist():
                if name.endswith(".json"):
                    yield from _parsed(export.read(name), f"{path}: {name}")
    else:
        yield from _parsed(path.read_bytes(), str(path))


def _parsed(text: bytes, where: str) -> Iterator[Advisory]:
    try:
        told = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{where}: is not JSON: {error}") from None
    for one in told if isinstance(told, list) else [told]:
        if not (isinstance(one, dict) and "id" in one):
            raise ValueError(f"{where}: is no advisory: it has no id")
        yield one


def is_about_packages(advisory: Advisory) -> bool:
    """Return whether it is about anything on PyPI."""
    return any(_package(affected) for affected in advisory.get("affected", []))


def findings(advisory: Advisory, pins: Iterable[Pin]) -> Iterator[Finding]:
    """Yield what ``advisory`` says of ``pins``; nothing, where it was withdrawn."""
    if "withdrawn" in advisory:
        return
    for pin in pins:
        mine = [one for one in advisory.get("affected", []) if _package(one) == pin.name]
        if any(_affects(one, pin.version) for one in mine):
            yield Finding(
                pin,
                advisory["id"],
                tuple(advisory.get("aliases", [])),
                tuple(sorted({fix for one in mine for fix in _fixes(one)})),
                str(advisory.get("summary", "")),
            )


def _package(affected: Mapping[str, Any]) -> str:
    package = affected.get("package", {})
    return plain(package.get("name", "")) if package.get("ecosystem") == ECOSYSTEM else ""


def _affects(affected: Mapping[str, Any], version: str) -> bool:
    if version in affected.get("versions", []):
        return True
    ranges = [one for one in affected.get("ranges", []) if one.get("type") != "GIT"]
    return any(_is_within(one.get("events", []), Version(version)) for one in ranges)


def _is_within(events: Iterable[Mapping[str, str]], version: Version) -> bool:
    """Return whether ``version`` is affected: the last event at or before it says so."""
    is_affected = False
    for at, kind in sorted(_timeline(events), key=lambda one: one[0]):
        if at > version or (kind == "last_affected" and at == version):
            break
        is_affected = kind == "introduced"
    return is_affected


def _timeline(events: Iterable[Mapping[str, str]]) -> Iterator[tuple[Version, str]]:
    for event in events:
        for kind, text in event.items():
            try:
                yield Version(text), kind
            except InvalidVersion:
                # An old release with a name that is no version; what follows says the rest.
                continue


def _fixes(affected: Mapping[str, Any]) -> Iterator[str]:
    for one in affected.get("ranges", []):
        if one.get("type") != "GIT":
            yield from (event["fixed"] for event in one.get("events", []) if "fixed" in event)
