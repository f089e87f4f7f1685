"""What an accelerator says is compared before it is believed."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from edgeagent.agreement import assert_agrees
from edgeagent.decode.golden import goldens
from edgeagent.engines import Engine, open_engine
from edgeagent.engines.scripted import Scripted
from edgeagent.errors import AcceleratorError
from edgeagent.model import Bundle, bundles_folder, load_bundle
from edgeagent.tensor import Tensor

from .older import older

NAMES = ["coco16-320", "embed88-128"]


def bundle_of(name: str, folder: Path, with_goldens: bool = True) -> Bundle:
    copy = shutil.copytree(bundles_folder() / name, folder / name)
    if not with_goldens:
        shutil.rmtree(older(copy) / "golden")
    return load_bundle(copy)


def disagreement(engine: Engine, spare: Engine | None) -> str:
    with pytest.raises(AcceleratorError) as raised:
        assert_agrees(engine, spare)
    assert raised.value.cause == "disagreement"
    return str(raised.value)


def shifted(cpu: Engine, by: int) -> Callable[[Tensor], Mapping[str, Tensor]]:
    """Answer as ``cpu`` does, each byte of each output ``by`` steps off."""

    def say(image: Tensor) -> Mapping[str, Tensor]:
        with cpu.seat() as seat:
            seat.input[...] = image
            return {role: raw.astype(np.uint8) + np.uint8(by) for role, raw in seat.run().items()}

    return say


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("with_goldens", [True, False])
def test_the_cpu_agrees_with_itself(name: str, with_goldens: bool, tmp_path: Path) -> None:
    bundle = bundle_of(name, tmp_path, with_goldens)
    assert_agrees(open_engine(bundle), open_engine(bundle))


@pytest.mark.parametrize("name", NAMES)
def test_goldens_are_known_without_asking_the_cpu(name: str, tmp_path: Path) -> None:
    bundle = bundle_of(name, tmp_path)
    known = {golden.image.tobytes(): golden.outputs for golden in goldens(bundle)}
    engine = Scripted(bundle, lambda image: known[image.tobytes()])
    assert_agrees(engine, None)
    assert len(engine.saw) == len(known)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("with_goldens", [True, False])
def test_garbage_is_found_out(name: str, with_goldens: bool, tmp_path: Path) -> None:
    bundle = bundle_of(name, tmp_path, with_goldens)
    cpu = open_engine(bundle)
    told = disagreement(Scripted(bundle, shifted(cpu, 90)), cpu)
    assert told.startswith(f"{bundle.files['cpu'].path}: answers otherwise than the CPU's file on ")
    assert told.endswith("compile the CPU's file again, or deploy the bundle again")


def test_one_that_sees_nothing_is_found_out_by_goldens(tmp_path: Path) -> None:
    bundle = bundle_of("coco16-320", tmp_path)
    told = disagreement(Scripted(bundle), open_engine(bundle))
    assert "cat: lost cat 0.55" in told


@pytest.mark.parametrize("name", NAMES)
def test_the_last_bit_is_no_disagreement(name: str, tmp_path: Path) -> None:
    bundle = bundle_of(name, tmp_path, with_goldens=False)
    cpu = open_engine(bundle)
    assert_agrees(Scripted(bundle, shifted(cpu, 1)), cpu)


def test_with_nothing_to_compare_it_passes(tmp_path: Path) -> None:
    assert_agrees(Scripted(bundle_of("embed88-128", tmp_path, with_goldens=False)), None)


def test_one_that_does_not_run_says_why_itself(tmp_path: Path) -> None:
    bundle = bundle_of("embed88-128", tmp_path)
    with pytest.raises(AcceleratorError, match="told to fail") as raised:
        assert_agrees(Scripted(bundle, fails={0}), None)
    assert raised.value.cause == "error"
