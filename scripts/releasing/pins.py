"""What the requirement files pin."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True, order=True)
class Pin:
    """One version of one package."""

    name: str
    """As PyPI writes it: small letters, one hyphen between words."""
    version: str
    files: frozenset[str] = frozenset()
    """The requirement files that name it."""


def pins_of(files: Iterable[Path]) -> list[Pin]:
    """Return the pins of ``files``, each once, by name.

    Raises:
        ValueError: a file pins nothing.
    """
    found: dict[tuple[str, str], set[str]] = {}
    for file in files:
        pins = _PIN.findall(file.read_text())
        if not pins:
            raise ValueError(f"{file}: pins nothing; it is to have lines like name==1.2")
        for name, version in pins:
            found.setdefault((plain(name), version), set()).add(file.name)
    return [Pin(*pin, frozenset(names)) for pin, names in sorted(found.items())]


def plain(name: str) -> str:
    """Return a package's name as PyPI writes it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
