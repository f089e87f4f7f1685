"""KServe's v2 inference protocol: named tensors as JSON, with their bytes behind it.

The layout is that of the Open Inference Protocol's binary tensor data extension: the header
`HEADER` says how long the JSON is, and each tensor's parameter ``binary_data_size`` how many of the
bytes behind it are its own, in the order in which the JSON names them.
"""

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

HEADER = "Inference-Header-Content-Length"
"""Name of the HTTP header that says how many bytes of a body are JSON."""

DTYPES = {"UINT8": "uint8", "INT8": "int8", "FP32": "float32"}
"""The protocol's name of a type of numbers to numpy's; ``BYTES`` is for text."""

Parameters = Mapping[str, str | int | float | bool]
Kind = Literal["inputs", "outputs"]
"""What a message's tensors are: a request's, or an answer's."""

_SIZE = "binary_data_size"


class MalformedError(ValueError):
    """A message is not what the protocol says."""


@dataclass(frozen=True, slots=True, eq=False)
class Named:
    """One tensor; text is an array of ``object``, each a `str`."""

    name: str
    array: NDArray[Any]
    parameters: Parameters = field(default_factory=dict)

    @property
    def datatype(self) -> str:
        """The protocol's name of its type."""
        names = {numpys: name for name, numpys in DTYPES.items()}
        return names.get(self.array.dtype.name, "BYTES")


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """A request, or an answer."""

    tensors: Sequence[Named]
    parameters: Parameters = field(default_factory=dict)
    wanted: Sequence[str] = ()
    """Of a request: which outputs are asked for; none: what the model gives by itself."""

    def tensor(self, name: str) -> Named:
        """Return the tensor ``name``.

        Raises:
            MalformedError: there is none.
        """
        for one in self.tensors:
            if one.name == name:
                return one
        there = ", ".join(one.name for one in self.tensors) or "none"
        raise MalformedError(f"{name!r}: no such tensor; there are: {there}")


_Edge = Annotated[int, msgspec.Meta(ge=0, le=1 << 30)]


class _Tensor(msgspec.Struct):
    name: str
    datatype: str
    shape: Annotated[list[_Edge], msgspec.Meta(max_length=8)]
    parameters: dict[str, str | int | float | bool] | None = None
    data: list[Any] | None = None


class _Wanted(msgspec.Struct):
    name: str


class _Request(msgspec.Struct):
    inputs: list[_Tensor]
    outputs: list[_Wanted] | None = None
    parameters: dict[str, str | int | float | bool] | None = None


class _Answer(msgspec.Struct):
    outputs: list[_Tensor]
    parameters: dict[str, str | int | float | bool] | None = None


def pack(request: Message) -> tuple[bytes, int]:
    """Return a request's body, and how many of its bytes are JSON; the answer is asked in bytes."""
    blobs = [_blob(one.array) for one in request.tensors]
    tensors = [_told(one, len(blob)) for one, blob in zip(request.tensors, blobs, strict=True)]
    table: dict[str, object] = {
        "inputs": tensors,
        "parameters": {**request.parameters, "binary_data_output": True},
    }
    if request.wanted:
        # What is asked for by name is asked in bytes by name.
        binary = {"binary_data": True}
        table["outputs"] = [{"name": name, "parameters": binary} for name in request.wanted]
    head = msgspec.json.encode(table)
    return b"".join([head, *blobs]), len(head)


def unpack(body: bytes, head_bytes: int, kind: Kind) -> Message:
    """Read a body.

    Args:
        body: JSON, and the tensors behind it.
        head_bytes: how many of its bytes are JSON.
        kind: which of the two it is.

    Raises:
        MalformedError: what is wrong with it, and where.
    """
    if not 2 <= head_bytes <= len(body):
        raise MalformedError(f"{HEADER}: {head_bytes} is not 2 to {len(body)}, the body's length")
    form: type[_Request | _Answer] = _Request if kind == "inputs" else _Answer
    try:
        table = msgspec.json.decode(body[:head_bytes], type=form)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError(f"is no message of the v2 protocol: {error}") from error
    wanted: tuple[str, ...] = ()
    if isinstance(table, _Request):
        held, wanted = table.inputs, tuple(one.name for one in table.outputs or ())
    else:
        held = table.outputs
    rest = memoryview(body)[head_bytes:]
    return Message(tuple(_tensors(held, rest, kind)), table.parameters or {}, wanted)


def array_of(where: str, datatype: str, shape: Sequence[int], data: Any) -> NDArray[Any]:  # noqa: ANN401
    """Return a tensor's array.

    Args:
        where: the tensor, for a message.
        datatype: the protocol's name.
        shape: what is said of it.
        data: its bytes, or numbers as JSON has them, flat or in lists of lists, or an array.

    Raises:
        MalformedError: it is not of that type and shape.
    """
    if datatype not in (*DTYPES, "BYTES"):
        known = ", ".join(DTYPES)
        raise MalformedError(f"{where}.datatype: {datatype!r} is none of {known}, BYTES")
    try:
        array = _array(datatype, data)
    except (ValueError, TypeError, OverflowError, struct.error) as error:
        raise MalformedError(f"{where}.data: is not of {datatype}: {error}") from error
    if array.size != math.prod(shape):
        raise MalformedError(
            f"{where}.data: has {array.size} values, its shape {list(shape)} {math.prod(shape)}"
        )
    return array.reshape(tuple(shape))


def _array(datatype: str, data: Any) -> NDArray[Any]:  # noqa: ANN401
    """Return ``data`` flat, as what it is said to be."""
    raw = isinstance(data, bytes | memoryview)
    if datatype == "BYTES":
        return np.array([*_texts(data)] if raw else [*map(str, data)], dtype=object)
    dtype = np.dtype(DTYPES[datatype])
    if raw:
        return np.frombuffer(data, dtype)
    array = np.asarray(data)
    if array.size and array.dtype.kind not in "iuf":
        raise ValueError(f"there are values of {array.dtype.name}")
    if dtype.kind != "f" and array.size and not _holds(dtype, array):
        raise ValueError("a value is no whole number within its range")
    return array.astype(dtype).ravel()


def _holds(dtype: np.dtype[Any], array: NDArray[Any]) -> bool:
    """Say whether whole numbers of ``dtype`` can be what ``array`` holds."""
    if array.dtype == dtype:
        return True
    info = np.iinfo(dtype)
    return bool(array.min() >= info.min and array.max() <= info.max and np.all(array % 1 == 0))


def _tensors(held: Sequence[_Tensor], rest: memoryview, kind: Kind) -> Iterator[Named]:
    """Yield each tensor with what is its own of the bytes behind the JSON."""
    for place, one in enumerate(held):
        where = f"{kind}[{place}]"
        data: object = one.data
        parameters = dict(one.parameters or {})
        size_bytes = parameters.pop(_SIZE, None)
        if data is None:
            if not isinstance(size_bytes, int) or not 0 <= size_bytes <= len(rest):
                raise MalformedError(
                    f"{where}: neither has data nor a {_SIZE} within the {len(rest)} bytes left"
                )
            data, rest = rest[:size_bytes], rest[size_bytes:]
        yield Named(one.name, array_of(where, one.datatype, one.shape, data), parameters)


def _told(one: Named, size_bytes: int) -> dict[str, object]:
    return {
        "name": one.name,
        "datatype": one.datatype,
        "shape": list(one.array.shape),
        "parameters": {**one.parameters, _SIZE: size_bytes},
    }


def _blob(array: NDArray[Any]) -> bytes:
    if array.dtype != object:
        return array.tobytes()
    texts = [str(text).encode() for text in array.ravel()]
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


def _texts(data: bytes | memoryview) -> Iterator[str]:
    """Yield text that lies with its length before it, four bytes, the lowest first."""
    at = 0
    while at < len(data):
        (size_bytes,) = struct.unpack_from("<I", data, at)
        at += 4 + size_bytes
        if at > len(data):
            raise ValueError("a text goes beyond the end")
        yield bytes(data[at - size_bytes : at]).decode()
