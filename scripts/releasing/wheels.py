"""What a wheel says of itself."""

import hashlib
import re
import zipfile
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from pathlib import Path

from scripts.releasing.pins import Pin, plain

_SHORT = 100
"""Longer than that it is the licence's text, not its name."""
_CLASSIFIER = "License :: OSI Approved :: "


@dataclass(frozen=True, slots=True)
class Wheel:
    """One wheel."""

    file: str
    name: str
    version: str
    licence: str
    """Its name or expression, "" where it does not say."""
    needs: frozenset[str]
    """Names of the packages that it needs, those of extras left out."""
    sha256: str

    def is_of(self, pin: Pin) -> bool:
        """Return whether it is a wheel of ``pin``."""
        return (self.name, self.version) == (pin.name, pin.version)


def wheel_of(path: Path) -> Wheel:
    """Read the wheel at ``path``."""
    with zipfile.ZipFile(path) as archive:
        names = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        said = Parser().parsestr(archive.read(names[0]).decode(), headersonly=True)
    needs = [need for need in said.get_all("Requires-Dist", []) if "extra ==" not in need]
    return Wheel(
        path.name,
        plain(said["Name"]),
        said["Version"],
        _licence(said),
        frozenset(plain(re.split(r"[^A-Za-z0-9._-]", need, maxsplit=1)[0]) for need in needs),
        hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def _licence(said: Message) -> str:
    if expression := said.get("License-Expression"):
        return str(expression)
    classifiers = [str(one) for one in said.get_all("Classifier", [])]
    named = [one.removeprefix(_CLASSIFIER) for one in classifiers if one.startswith(_CLASSIFIER)]
    text = str(said.get("License", "")).strip()
    is_name = text and "\n" not in text and len(text) < _SHORT
    return text if is_name else " and ".join(named)
