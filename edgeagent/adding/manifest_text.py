"""Writes a bundle's manifest, the other way round from `model.load_bundle`."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

from edgeagent.heads import Decoder, Params, Task
from edgeagent.tensor import TensorSpec


@dataclass(frozen=True, slots=True)
class FileText:
    """What the manifest says of one file."""

    path: str
    size_bytes: int
    sha256: str
    input: TensorSpec
    outputs: Mapping[str, TensorSpec]


@dataclass(frozen=True, slots=True)
class ManifestText:
    """What the manifest says of the bundle."""

    name: str
    version: str
    task: Task
    decoder: Decoder
    licence: str
    origin: str
    params: Params
    files: Mapping[str, FileText]

    def lines(self) -> Iterator[str]:
        """Yield the manifest, line by line; what is the default is left out."""
        for key in ("name", "version", "task", "decoder", "licence", "origin"):
            yield f"{key} = {_value(getattr(self, key))}"
        if self.params != Params():
            yield from ("", "[params]", *_params(self.params))
        for device, file in self.files.items():
            yield from file_lines(f"files.{device}", file)


def _params(params: Params) -> Iterator[str]:
    for field in fields(params):
        value = getattr(params, field.name)
        if value != field.default:
            yield f"{field.name} = {_value(value)}"


def file_lines(where: str, file: FileText) -> Iterator[str]:
    """Yield the tables of one file, ``where`` being ``files.cpu`` or ``files.edgetpu``."""
    yield from ("", f"[{where}]", f"path = {_value(file.path)}")
    yield f"size_bytes = {file.size_bytes}"
    yield f"sha256 = {_value(file.sha256)}"
    yield from _tensor(f"{where}.input", file.input)
    for role, spec in file.outputs.items():
        yield from _tensor(f"{where}.outputs.{role}", spec)


def _tensor(where: str, spec: TensorSpec) -> Iterator[str]:
    yield from ("", f"[{where}]")
    for key in ("name", "shape", "dtype", "scale", "zero_point"):
        yield f"{key} = {_value(getattr(spec, key))}"


def _value(value: object) -> str:
    # TOML's strings, lists and numbers are JSON's, for what is printable and finite.
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
