"""Finds and compares the two files of one model: for the CPU, and compiled for the Edge TPU."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from edgeagent.adding.anatomy import Anatomy, Port, examine
from edgeagent.adding.guess import Guess, guess, told
from edgeagent.errors import BundleError
from edgeagent.model import Device
from edgeagent.tensor import TensorSpec

Fallback = Literal["cpu", "none"]

SUFFIX = "_edgetpu"
"""What edgetpu_compiler appends to the name of the file that it compiles."""


def find_pair(
    model: Path, compiled: Path | None, fallback: Fallback, tell: Callable[[str], None]
) -> dict[Device, Anatomy]:
    """Return the graph of each file there is; one for ``cpu`` unless ``fallback`` is ``none``.

    Args:
        model: either file; its sibling is looked for beside it, by the compiler's naming.
        compiled: the compiled file, where its owner names it.
        fallback: whether a compiled file may come alone.
        tell: hears of what was found.

    Raises:
        BundleError: a file is no model, or a compiled one has no sibling.
    """
    first = examine(model)
    if first.compiled:
        return _from_compiled(first, compiled, fallback, tell)
    sibling = compiled or model.with_name(f"{model.stem}{SUFFIX}{model.suffix}")
    if not (compiled or sibling.is_file()):
        return {"cpu": first}
    if not compiled:
        tell(f"{sibling}: found beside it, taken as the same model for the Edge TPU")
    return {"cpu": first, "edgetpu": examine(sibling)}


def _from_compiled(
    first: Anatomy, compiled: Path | None, fallback: Fallback, tell: Callable[[str], None]
) -> dict[Device, Anatomy]:
    path = first.path
    if compiled:
        raise BundleError(
            f"{path}: is compiled for the Edge TPU; give the file it was compiled from, and this "
            "one after --edgetpu"
        )
    sibling = path.with_name(path.name.replace(SUFFIX, ""))
    if SUFFIX in path.name and sibling.is_file():
        tell(f"{sibling}: found beside it, taken as what it was compiled from")
        return {"cpu": examine(sibling), "edgetpu": first}
    if fallback == "none":
        return {"edgetpu": first}
    raise BundleError(
        f"{path}: is compiled for the Edge TPU, and without the file it was compiled from nothing "
        f"could look while the TPU is away; give that file, and this one after --edgetpu, or "
        "do without: --fallback none"
    )


def match_pair(cpu: Anatomy, compiled: Anatomy, found: Guess) -> Mapping[str, int]:
    """Return the roles' places in ``compiled``, which may order its outputs otherwise.

    Raises:
        BundleError: the two files are not of one model.
    """
    if not compiled.compiled:
        raise BundleError(
            f"{compiled.path}: was not compiled for the Edge TPU; give what edgetpu_compiler made"
        )
    roles = _counterpart(cpu, compiled, found)
    # What the operator at a detector's end gives, the files need not say.
    shaped = found.decoder != "ssd"
    _compare("input", (cpu, cpu.inputs[0]), (compiled, compiled.inputs[0]), shaped=True)
    for role, place in found.roles.items():
        ours, theirs = cpu.outputs[place], compiled.outputs[roles[role]]
        _compare(f"output {role!r}", (cpu, ours), (compiled, theirs), shaped)
    return roles


def _counterpart(cpu: Anatomy, compiled: Anatomy, found: Guess) -> Mapping[str, int]:
    try:
        other = guess(compiled, found.labels, found.task)
    except BundleError as error:
        raise BundleError(f"{error}; it was not compiled from {cpu.path}, give the pair") from error
    if other.decoder != found.decoder:
        raise BundleError(f"{compiled.path}: {other.why}, but {cpu.path} {found.why}")
    return other.roles


def _compare(what: str, one: tuple[Anatomy, Port], two: tuple[Anatomy, Port], shaped: bool) -> None:
    if not _alike(one[1].spec, two[1].spec, shaped):
        raise BundleError(
            f"{two[0].path}: its {what} is {_quantised(two[1].spec)}, in {one[0].path} it is "
            f"{_quantised(one[1].spec)}: they are not of one model; give the pair"
        )


def _alike(a: TensorSpec, b: TensorSpec, shaped: bool) -> bool:
    same = (a.dtype, a.zero_point) == (b.dtype, b.zero_point)
    close = math.isclose(a.scale, b.scale, rel_tol=1e-6)
    return same and close and (a.shape == b.shape or not shaped)


def _quantised(spec: TensorSpec) -> str:
    return f"{told(spec)}, scale {spec.scale:.6g}, zero point {spec.zero_point}"
