"""Memory that parent and child both see: a model's input and outputs, one after the other.

It has no name in any folder (memfd_create(2)), so nothing can be left behind, and belongs to the
parent: what was written into the input is still there when the child is not.
"""

import fcntl
import json
import mmap
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgeagent.tensor import Tensor, TensorSpec

if TYPE_CHECKING:
    from edgeagent.model import ModelFile

_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
"""The child cannot take memory away under the parent, who would die of it by SIGBUS."""

_FLAGS = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING


@dataclass(frozen=True, slots=True)
class Plan:
    """What a child is to load, and with what."""

    path: Path
    input: TensorSpec
    outputs: Mapping[str, TensorSpec]
    runtime: str
    threads: int
    library: str
    """Of the delegate, "" for none."""
    options: Mapping[str, str]

    @property
    def tensors(self) -> list[TensorSpec]:
        """Input and outputs in the order in which they lie."""
        return [self.input, *self.outputs.values()]

    @property
    def size_bytes(self) -> int:
        """How much memory they take, each from the beginning of a page."""
        return sum(_room_bytes(spec) for spec in self.tensors)

    def encode(self) -> bytes:
        """Return it as JSON."""
        return json.dumps({**asdict(self), "path": str(self.path)}).encode()

    @classmethod
    def decode(cls, data: bytes) -> "Plan":
        """Return what `encode` made ``data`` of."""
        said = json.loads(data)
        said["path"] = Path(said["path"])
        said["input"] = _spec(said["input"])
        said["outputs"] = {role: _spec(spec) for role, spec in said["outputs"].items()}
        return cls(**said)


def _spec(said: dict[str, object]) -> TensorSpec:
    shape = said.pop("shape")
    assert isinstance(shape, list)
    return TensorSpec(shape=tuple(shape), **said)  # type: ignore[arg-type]


def _room_bytes(spec: TensorSpec) -> int:
    whole_bytes = int(np.prod(spec.shape)) * np.dtype(spec.dtype).itemsize
    return -(-whole_bytes // mmap.PAGESIZE) * mmap.PAGESIZE


def plan(
    file: "ModelFile", runtime: str, threads: int, library: str, options: Mapping[str, str]
) -> Plan:
    """Return what a child must be told to load ``file``."""
    path = file.path.absolute()
    return Plan(path, file.input, file.outputs, runtime, threads, library, dict(options))


class Memory:
    """The tensors of one plan; freed with the last array that lies in it."""

    def __init__(self, wanted: Plan, descriptor: int) -> None:
        # Mapped whole at once: no page is missing when the first picture comes.
        shared = mmap.mmap(descriptor, wanted.size_bytes, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE)
        views, begin = [], 0
        for spec in wanted.tensors:
            flat = np.frombuffer(shared, spec.dtype, int(np.prod(spec.shape)), begin)
            views.append(flat.reshape(spec.shape))
            begin += _room_bytes(spec)
        self.input: Tensor = views[0]
        self.outputs: Mapping[str, Tensor] = dict(zip(wanted.outputs, views[1:], strict=True))


def new_descriptor(wanted: Plan) -> int:
    """Return a descriptor of fresh memory, all zeros, for ``wanted``; to be closed once mapped."""
    descriptor = os.memfd_create("edgeagent-tensors", _FLAGS)
    os.ftruncate(descriptor, wanted.size_bytes)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    return descriptor
