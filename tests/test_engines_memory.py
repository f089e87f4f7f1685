"""Memory that a parent and a child both see."""

import os

import numpy as np
import pytest

from edgeagent.engines.memory import Memory, Plan, new_descriptor, plan
from edgeagent.model import bundles_folder, find_bundle

FILE = find_bundle("coco16-320", [bundles_folder()]).files["cpu"]
PLAN = plan(FILE, "auto", 2, "libedgetpu.so.1", {"device": "usb:0"})


def test_a_plan_arrives_as_it_was_sent() -> None:
    assert Plan.decode(PLAN.encode()) == PLAN
    assert PLAN.path.is_absolute()


def test_both_sides_see_the_same_tensors_in_the_same_place() -> None:
    descriptor = new_descriptor(PLAN)
    ours, theirs = Memory(PLAN, descriptor), Memory(Plan.decode(PLAN.encode()), descriptor)
    os.close(descriptor)
    ours.input[...] = 3
    for number, role in enumerate(FILE.outputs, 4):
        theirs.outputs[role][...] = number
    assert (theirs.input == 3).all()
    assert [int(ours.outputs[role].max()) for role in FILE.outputs] == [4, 5]
    assert ours.input.shape == FILE.input.shape
    assert ours.input.flags.c_contiguous
    assert all(tensor.ctypes.data % 4096 == 0 for tensor in (ours.input, *ours.outputs.values()))


def test_an_array_outlives_the_memory_it_was_taken_from() -> None:
    descriptor = new_descriptor(PLAN)
    kept = Memory(PLAN, descriptor).input
    os.close(descriptor)
    kept[...] = 9
    assert np.unique(kept).tolist() == [9]


def test_nobody_can_make_it_smaller_under_the_other() -> None:
    descriptor = new_descriptor(PLAN)
    with pytest.raises(PermissionError):
        os.ftruncate(descriptor, 0)
    os.close(descriptor)
