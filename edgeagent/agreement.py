"""Whether an accelerator that was just opened says what the CPU says.

A device may answer, and answer wrongly: a file compiled from another model, two models compiled
together, a library that does not fit. Nothing of that is an error anywhere, so it is asked what
the answer is known to.
"""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from edgeagent.decode.golden import Golden, differences, goldens
from edgeagent.engines import Engine
from edgeagent.errors import AcceleratorError
from edgeagent.preprocess import put
from edgeagent.tensor import Tensor

PICTURES = 3
"""How many pictures are made up for a bundle that has no goldens."""

PATCHES = 8
"""Each of them is so many patches of colour wide and high: more like a picture than noise is."""

MOST_STEPS = 4.0
"""Quantised outputs may differ by so many steps on average where nothing is found to compare:
the Edge TPU rounds otherwise than the CPU by one or two."""

Outputs = Mapping[str, Tensor]


def assert_agrees(engine: Engine, spare: Engine | None) -> None:
    """Ask ``engine`` what the answer is known to: the bundle's goldens, else what ``spare`` says.

    Without goldens and without a spare there is nothing to compare with, and it passes.

    Raises:
        AcceleratorError: it disagrees (``disagreement``), or did not run.
    """
    bundle = engine.bundle
    known = goldens(bundle) if "cpu" in bundle.files else []
    told = [d for golden in known for d in _of_golden(engine, golden)]
    if not known and spare is not None:
        told = _of_made_up(engine, spare)
    if told:
        raise AcceleratorError(
            f"{engine.file.path}: answers otherwise than the CPU's file on {len(told)} "
            f"comparisons ({'; '.join(told[:3])}); compile the CPU's file again, or deploy the "
            "bundle again",
            cause="disagreement",
        )


def _of_golden(engine: Engine, golden: Golden) -> list[str]:
    return differences(engine.bundle, engine.file, golden, _answer(engine, golden))


def _of_made_up(engine: Engine, spare: Engine) -> list[str]:
    """Return what differs where more than half of the pictures do; one may be a close call."""
    told = [_apart(engine, spare, golden) for golden in _made_up(spare)]
    differing = [some for some in told if some]
    return [one for some in differing for one in some] if 2 * len(differing) > len(told) else []


def _answer(engine: Engine, golden: Golden) -> Outputs:
    with engine.seat() as seat:
        put(golden.image, seat.input, engine.takes)
        return {role: tensor.copy() for role, tensor in seat.run().items()}


def _apart(engine: Engine, spare: Engine, golden: Golden) -> list[str]:
    """Compare numbers where there are steps: in patches of colour little is ever found."""
    outputs = _answer(engine, golden)
    specs = spare.file.outputs
    if not all(spec.scale for spec in specs.values()):
        return differences(engine.bundle, engine.file, golden, outputs)
    steps = {role: _steps(engine, spare, role, golden.outputs, outputs) for role in specs}
    return [f"{golden.name}: {r} is {n:.0f} steps off" for r, n in steps.items() if n > MOST_STEPS]


def _steps(engine: Engine, spare: Engine, role: str, wanted: Outputs, got: Outputs) -> float:
    """Return by how many of the CPU's steps an output is off, on average."""
    spec = spare.file.outputs[role]
    real = engine.file.outputs[role].dequantise(got[role]) - spec.dequantise(wanted[role])
    return float(np.abs(real).mean()) / spec.scale


def _made_up(spare: Engine) -> Iterator[Golden]:
    """Yield pictures from a fixed seed, and what the CPU says of them."""
    random = np.random.default_rng(1)
    for number in range(PICTURES):
        image = _patches(spare.takes.shape, random)
        golden = Golden(f"picture {number + 1}", image, {})
        yield Golden(golden.name, image, _answer(spare, golden))


def _patches(shape: tuple[int, ...], random: np.random.Generator) -> NDArray[np.uint8]:
    _, height, width, _ = shape
    colours = random.integers(0, 256, (PATCHES, PATCHES, 3), np.uint8)
    rows, columns = np.arange(height) * PATCHES // height, np.arange(width) * PATCHES // width
    return np.ascontiguousarray(colours[rows][:, columns][None])
