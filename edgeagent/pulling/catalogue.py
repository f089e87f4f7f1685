"""What can be pulled, as ``catalogue.toml`` has it: names, addresses and digests."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from edgeagent.errors import DAMAGED, BundleError, UsageError
from edgeagent.heads import ROLES, Decoder, Task
from edgeagent.manifest import Reader, did_you_mean, toml

FILE = Path(__file__).with_name("catalogue.toml")

RelativePath = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*\Z")
]


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a model, known by its digest wherever it comes from."""

    path: RelativePath
    """Below the catalogue's base, or any mirror's."""
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    size_bytes: Annotated[int, Meta(ge=0)] = 0
    """0 where it is not known."""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Entry:
    """One model."""

    what: Annotated[str, Meta(min_length=1)]
    """What it is, in words."""
    decoder: Decoder
    cpu: RemoteFile
    edgetpu: RemoteFile | None = None
    labels: RemoteFile | None = None

    @property
    def task(self) -> Task:
        """What it is for."""
        return ROLES[self.decoder][0]

    @property
    def files(self) -> Mapping[str, RemoteFile]:
        """Those there are, by what they are for."""
        three = {"cpu": self.cpu, "edgetpu": self.edgetpu, "labels": self.labels}
        return {use: file for use, file in three.items() if file is not None}


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Models of one origin."""

    base: Annotated[str, Meta(pattern=r"^https://.*/\Z")]
    """What the files' paths are appended to."""
    commit: str
    """Which state of the origin this is; becomes the bundles' version."""
    licence: str
    model: Mapping[str, Entry]

    def find(self, name: str) -> Entry:
        """Return the entry ``name``.

        Raises:
            UsageError: there is none.
        """
        if name not in self.model:
            raise UsageError(
                f"{name!r}: no such model in the catalogue{did_you_mean(name, self.model)}"
            )
        return self.model[name]


def read_catalogue(file: Path = FILE) -> Catalogue:
    """Read the catalogue that ships, or another one.

    Raises:
        BundleError: with every fault in it; an entry without a digest is one.
    """
    faults: list[str] = []
    try:
        table = toml(file.read_text())
    except DAMAGED as error:
        raise BundleError(f"{file}: cannot be read ({error})") from error
    catalogue = Reader(file.parent, faults).read(Catalogue, table)
    if catalogue is None or faults:
        raise BundleError("\n".join(f"{file}: {fault}" for fault in faults))
    return catalogue
