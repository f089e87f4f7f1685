"""Finds the tensors that a manifest names among those that an interpreter has."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from edgeagent.errors import BundleError
from edgeagent.tensor import TensorSpec


class Described(Protocol):
    """What must be known of a file to run it: a `ModelFile`, or a child's `memory.Plan`."""

    @property
    def path(self) -> Path:
        """Where it is."""
        ...

    @property
    def input(self) -> TensorSpec:
        """What it takes."""
        ...

    @property
    def outputs(self) -> Mapping[str, TensorSpec]:
        """What it gives, by role."""
        ...


def match(interpreter: Any, file: Described) -> tuple[int, dict[str, int]]:  # noqa: ANN401
    """Return the interpreter's index of the input, and of the output in each role.

    Raises:
        BundleError: with every tensor that is not as the manifest says.
    """
    faults: list[str] = []
    taken = _index(interpreter.get_input_details(), file.input, "input", faults)
    details = interpreter.get_output_details()
    given = {
        role: _index(details, spec, f"outputs.{role}", faults)
        for role, spec in file.outputs.items()
    }
    if faults:
        raise BundleError("\n".join(f"{file.path}: {fault}" for fault in faults))
    return taken, given


def _index(details: list[dict[str, Any]], spec: TensorSpec, where: str, faults: list[str]) -> int:
    names = [detail["name"] for detail in details]
    places = [f"#{place}" for place in range(len(details))]
    wanted = names if spec.name in names else places
    if spec.name not in wanted:
        faults.append(f"{where}: has no tensor {spec.name!r}; there are {', '.join(names)}")
        return -1
    detail = details[wanted.index(spec.name)]
    if fault := _difference(detail, spec):
        faults.append(f"{where}: {spec.name} {fault}; deploy the bundle again")
    return int(detail["index"])


def _difference(detail: dict[str, Any], spec: TensorSpec) -> str:
    """Say how the file's tensor differs from the manifest's, "" where it does not."""
    shape = tuple(int(edge) for edge in detail["shape"])
    dtype = np.dtype(detail["dtype"]).name
    scale, zero_point = detail["quantization"]
    if shape != spec.shape:
        return f"has the shape {list(shape)}, the manifest says {list(spec.shape)}"
    if dtype != spec.dtype:
        return f"is of {dtype}, the manifest says {spec.dtype}"
    # A float input's scale in the manifest says how bytes become reals: the file has none.
    if dtype != "float32" and not _same((scale, zero_point), spec):
        return (
            f"has the quantisation {scale!r}, {zero_point}, "
            f"the manifest says {spec.scale!r}, {spec.zero_point}"
        )
    return ""


def _same(quantisation: tuple[float, int], spec: TensorSpec) -> bool:
    # Scales are float32 in the file: six digits in the manifest are enough.
    scale, zero_point = quantisation
    return bool(np.isclose(scale, spec.scale, rtol=1e-6, atol=0)) and zero_point == spec.zero_point
