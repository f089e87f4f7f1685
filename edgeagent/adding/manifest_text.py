"""Writes a bundle's manifest, the other way round from `model.load_bundle`."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path

from edgeagent.contents import Listed
from edgeagent.heads import Task
from edgeagent.model import ANY_AGENT, Bundle, ModelFile
from edgeagent.pedigree import Data
from edgeagent.tensor import TensorSpec

_COMPARED: Mapping[Task, tuple[str, ...]] = {
    "classify": ("score",),
    "detect": ("iou", "score"),
    "embed": ("cosine",),
}
"""By which of the tolerances a model's goldens are compared."""


def manifest_text(bundle: Bundle) -> str:
    """Return the manifest; the same bundle, the same text.

    Parameters that are the default are left out, and what is not known of the data.
    """
    return "\n".join(_lines(bundle)) + "\n"


def _lines(bundle: Bundle) -> Iterator[str]:
    aged = ("least_agent",) if bundle.least_agent != ANY_AGENT else ()
    for key in ("name", "version", *aged, "task", "decoder", "licence", "origin"):
        yield f"{key} = {_value(getattr(bundle, key))}"
    yield from _table("params", _unusual(bundle.params))
    tolerances = {key: getattr(bundle.golden, key) for key in _COMPARED[bundle.task]}
    yield from _table("golden", tolerances | _unusual(bundle.golden))
    for data in bundle.data:
        yield from _data(data)
    for listed in bundle.contents:
        yield from _listed(listed, bundle.folder)
    # Last, for who reads on: no file is told of twice.
    for device, file in bundle.files.items():
        yield from _file(f"files.{device}", file, bundle.folder)


def _unusual(record: object) -> dict[str, object]:
    told = {field.name: (getattr(record, field.name), field) for field in fields(record)}  # type: ignore[arg-type]
    return {name: value for name, (value, field) in told.items() if value != field.default}


def _table(name: str, told: Mapping[str, object]) -> Iterator[str]:
    if told:
        yield from ("", f"[{name}]")
        yield from (f"{key} = {_value(value)}" for key, value in told.items())


def _data(data: Data) -> Iterator[str]:
    yield from ("", "[[data]]")
    for key in ("use", "name", "licence", "pictures", "sha256"):
        if value := getattr(data, key):
            yield f"{key} = {_value(value)}"


def _listed(listed: Listed, folder: Path) -> Iterator[str]:
    yield from ("", "[[contents]]", f"path = {_value(str(listed.path.relative_to(folder)))}")
    yield f"sha256 = {_value(listed.sha256)}"


def _file(where: str, file: ModelFile, folder: Path) -> Iterator[str]:
    yield from ("", f"[{where}]", f"path = {_value(str(file.path.relative_to(folder)))}")
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
