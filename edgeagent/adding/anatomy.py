"""What stands in a .tflite file, read without an interpreter and without trusting a byte of it.

The slots are those of TensorFlow Lite's schema.fbs, version 3.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgeagent.adding.flatbuffer import Table, root
from edgeagent.adding.operators import BUILTIN, CUSTOM, DTYPES
from edgeagent.errors import BundleError
from edgeagent.tensor import TensorSpec

MOST_BYTES = 1 << 28
"""Largest file that is read: the Edge TPU's whole memory is 8 MB, a Pi's a few GB."""

COMPILED = "edgetpu-custom-op"
"""The operator into which the Edge TPU compiler folds what it takes over."""

_IDENTIFIER = b"TFL3"
_MOST_ITEMS = 1 << 16
_MOST_AXES = 8
_MOST_PORTS = 64
_STRANGERS = {
    b"version https://git-lfs": "is a git LFS pointer; fetch what it points at: git lfs pull",
    b"<": "is a web page; download the file itself (on GitHub: the raw file)",
    b"PK": "is a zip archive; unpack it and give the .tflite file within",
    b"\x1f\x8b": "is a gzip archive; unpack it and give the .tflite file within",
}
"""What is often found in a file's place, by how it begins."""


@dataclass(frozen=True, slots=True)
class Port:
    """One tensor that goes into a model, or comes out."""

    spec: TensorSpec
    index: int
    """Its place among all tensors of the file."""
    dynamic: bool
    """Whether an axis is only known when it runs."""


@dataclass(frozen=True, slots=True)
class Operator:
    """One step of the graph; tensors by their index."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Anatomy:
    """The graph of one .tflite file, as far as a bundle is made from it."""

    path: Path
    size_bytes: int
    sha256: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    """In file order, which is the interpreter's."""
    operators: tuple[Operator, ...]
    shapes: tuple[tuple[int, ...], ...]
    """Of every tensor in the file, by index."""
    dtypes: tuple[str, ...] = ()
    """Likewise."""

    @property
    def compiled(self) -> bool:
        """Whether it was compiled for the Edge TPU."""
        return any(operator.name == COMPILED for operator in self.operators)

    def maker(self, port: Port) -> str:
        """Return the name of the operator that gives ``port``."""
        makers = (one.name for one in self.operators if port.index in one.outputs)
        return next(makers, "none")


def examine(path: Path) -> Anatomy:
    """Read the graph of the .tflite file at ``path``.

    Raises:
        BundleError: it cannot be read, is something else, or is damaged or cut short.
    """
    data = _bytes_of(path)
    if data[4:8] != _IDENTIFIER:
        raise BundleError(f"{path}: {_stranger(data)}")
    try:
        return _anatomy(path, data)
    except BundleError as error:
        raise BundleError(
            f"{path}: its {len(data):,} bytes are damaged or cut short ({error}); fetch it again"
        ) from error


def _bytes_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise BundleError(f"{path}: {error.strerror}; name a .tflite file") from error
    if len(data) > MOST_BYTES:
        raise BundleError(f"{path}: is longer than {MOST_BYTES:,} bytes; no Pi runs such a model")
    return data


def _stranger(data: bytes) -> str:
    for beginning, what in _STRANGERS.items():
        if data.lstrip().startswith(beginning):
            return what
    return (
        f"is not a .tflite model: bytes 4 to 7 are {data[4:8]!r} instead of {_IDENTIFIER!r}; "
        "give the .tflite file"
    )


def _anatomy(path: Path, data: bytes) -> Anatomy:
    model = root(data)
    version, graphs = model.number(0, "I", 0), model.tables(2, 64)
    if version != 3 or not graphs:
        raise BundleError(f"schema version {version}, {len(graphs)} graphs")
    _check_buffers(model)
    tensors = graphs[0].tables(0, _MOST_ITEMS)
    codes = [_operator_name(code) for code in model.tables(1, _MOST_ITEMS)]
    return Anatomy(
        path,
        len(data),
        hashlib.sha256(data).hexdigest(),
        tuple(_ports(graphs[0].numbers(1, "i", _MOST_PORTS), tensors)),
        tuple(_ports(graphs[0].numbers(2, "i", _MOST_PORTS), tensors)),
        tuple(_operators(graphs[0], codes)),
        tuple(tensor.numbers(0, "i", _MOST_AXES) for tensor in tensors),
        tuple(_dtype(tensor) for tensor in tensors),
    )


def _check_buffers(model: Table) -> None:
    """Make sure that the weights are all there: where a file is cut, it is mostly in them."""
    for buffer in model.tables(4, _MOST_ITEMS):
        buffer.size_bytes(0)


def _operator_name(code: Table) -> str:
    # Codes over 127 have a field of their own; the old one is signed and holds 127 then.
    number = max(code.number(0, "b", 0), code.number(3, "i", 0))
    if number == CUSTOM:
        return code.text(1) or "a custom operator without a name"
    return BUILTIN[number] if 0 <= number < len(BUILTIN) else f"operator {number}"


def _operators(graph: Table, codes: list[str]) -> Iterator[Operator]:
    for operator in graph.tables(3, _MOST_ITEMS):
        code = operator.number(0, "I", 0)
        if code >= len(codes):
            raise BundleError(f"operator code {code} of {len(codes)}")
        ends = (operator.numbers(slot, "i", _MOST_ITEMS) for slot in (1, 2))
        yield Operator(codes[code], *ends)


def _ports(indices: tuple[int, ...], tensors: list[Table]) -> Iterator[Port]:
    names = [tensors[index].text(3) for index in indices if 0 <= index < len(tensors)]
    for place, index in enumerate(indices):
        if not 0 <= index < len(tensors):
            raise BundleError(f"tensor {index} of {len(tensors)}")
        name = names[place]
        plain = name.isprintable() and name != "" and names.count(name) == 1
        yield _port(tensors[index], index, name if plain else f"#{place}")


def _port(tensor: Table, index: int, name: str) -> Port:
    shape = tensor.numbers(0, "i", _MOST_AXES)
    signature = tensor.numbers(7, "i", _MOST_AXES)
    scale, zero_point = _quantisation(tensor.table(4))
    spec = TensorSpec(name, shape, _dtype(tensor), scale, zero_point)
    # A batch left open is run as the one picture that its shape says.
    return Port(spec, index, dynamic=min((*shape, *signature[1:], 1)) < 1)


def _dtype(tensor: Table) -> str:
    kind = tensor.number(1, "b", 0)
    return DTYPES[kind] if 0 <= kind < len(DTYPES) else f"type {kind}"


def _quantisation(table: Table | None) -> tuple[float, int]:
    if table is None:
        return 0.0, 0
    scales, zero_points = table.numbers(2, "f", _MOST_ITEMS), table.numbers(3, "q", _MOST_ITEMS)
    if len(scales) != 1:
        return 0.0, 0
    zero_point = int(zero_points[0]) if zero_points else 0
    if not 0 <= scales[0] < 1e6 or abs(zero_point) > 1 << 31:
        raise BundleError(f"a scale of {scales[0]} with the zero point {zero_point}")
    return float(scales[0]), zero_point
