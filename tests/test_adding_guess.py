"""What a model is taken for, from its tensors alone."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from edgeagent.adding.anatomy import Anatomy, Operator, Port
from edgeagent.adding.guess import POST_PROCESS, guess
from edgeagent.adding.pair import match_pair
from edgeagent.errors import BundleError
from edgeagent.heads import Task
from edgeagent.tensor import TensorSpec

SHARE = (1 / 256, 0)
NAMES = tuple(f"thing {n}" for n in range(1001))


def tensor(*shape: int, dtype: str = "uint8", q: tuple[float, int] = SHARE) -> TensorSpec:
    return TensorSpec("t", shape, dtype, *q)


IMAGE = tensor(1, 96, 96, 3)


def model(
    *outputs: TensorSpec, taken: Sequence[TensorSpec] = (IMAGE,), last: str = "RESHAPE"
) -> Anatomy:
    """A model whose tensor 0 is the input, and whose outputs follow."""
    specs = [*taken, *outputs]
    ports = [Port(spec, index, dynamic=False) for index, spec in enumerate(specs)]
    ins, outs = tuple(ports[: len(taken)]), tuple(ports[len(taken) :])
    steps = (Operator(last, (0,), tuple(port.index for port in outs)),)
    shapes = tuple(spec.shape for spec in specs)
    return Anatomy(Path("m.tflite"), 1000, "0" * 64, ins, outs, steps, shapes)


def floats(*shape: int) -> TensorSpec:
    return tensor(*shape, dtype="float32", q=(0.0, 0))


def detector(
    order: Sequence[int] = (0, 1, 2, 3), classes: int = 91, shaped: bool = True
) -> Anatomy:
    """An SSD whose file gives the operator's four outputs in ``order``."""
    four = (floats(1, 20, 4), floats(1, 20), floats(1, 20), floats(1))
    kept = [spec if shaped else replace(spec, shape=(1,)) for spec in four]
    made = model(*(kept[place] for place in order), last=POST_PROCESS)
    where = tuple(1 + list(order).index(role) for role in range(4))
    step = Operator(POST_PROCESS, (5, 6, 7), where)
    shapes = (*made.shapes, (1, 1917, 4), (1, 1917, classes), (1917, 4))
    return replace(made, operators=(step,), shapes=shapes)


def refusal(made: Anatomy, labels: int = 0, task: Task | None = None) -> str:
    with pytest.raises(BundleError) as raised:
        guess(made, NAMES[:labels], task)
    return str(raised.value)


def test_scores_of_as_many_as_there_are_labels_are_a_classifier() -> None:
    for made in (
        model(tensor(1, 1001)),
        model(tensor(1, 1, 1, 1001)),
        model(tensor(1, 1001, dtype="int8", q=(1 / 256, -128))),
        model(floats(1, 1001), last="SOFTMAX"),
    ):
        found = guess(made, NAMES)
        assert (found.task, found.decoder, found.roles) == ("classify", "classify", {"scores": 0})


def test_labels_that_do_not_fit_are_counted() -> None:
    told = refusal(model(tensor(1, 1001)), 1000)
    assert told == (
        "m.tflite: has 1001 classes, the labels are 1000: 1 too few; "
        "give the list that belongs to this model"
    )
    assert "has 3 classes, the labels are 90: 87 too many" in refusal(model(tensor(1, 3)), 90)


def test_a_classifier_without_labels_asks_for_them() -> None:
    told = refusal(model(tensor(1, 1001)))
    assert told == (
        "m.tflite: one score for each of 1001 classes, but no labels are in it; give --labels FILE"
    )


def test_values_that_are_no_shares_are_a_vector() -> None:
    vector = tensor(1, 1, 1, 1024, q=(0.0235, 0))
    found = guess(model(vector), ())
    assert (found.task, found.decoder, found.roles) == ("embed", "embedding", {"vector": 0})
    assert guess(model(tensor(1, 64)), (), "embed").decoder == "embedding"
    assert guess(model(floats(1, 64)), ()).decoder == "embedding"
    assert guess(model(vector), NAMES, "embed").labels == ()


def test_logits_are_no_classifier() -> None:
    told = refusal(model(tensor(1, 1001, q=(0.1, 60))), 1001)
    assert "gives 1001 values that are no shares from 0 to 1 (uint8 [1, 1001])" in told
    assert "say --task embed" in told


def test_a_vector_too_long_for_the_wire_is_refused() -> None:
    assert "more than 2048 values" in refusal(model(tensor(1, 4096, q=(1.0, 0))), 0, "embed")


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (0, 1, 3, 2), (2, 0, 3, 1)])
def test_a_detectors_four_are_known_by_the_operator_and_not_by_their_order(
    order: Sequence[int],
) -> None:
    found = guess(detector(order), NAMES[:90])
    assert found.decoder == "ssd"
    wanted = dict(zip(("boxes", "classes", "scores", "count"), range(4), strict=True))
    assert {role: order[place] for role, place in found.roles.items()} == wanted


def test_a_detectors_background_may_be_counted_or_not() -> None:
    for labels in (90, 91):
        assert len(guess(detector(), NAMES[:labels]).labels) == labels
    assert guess(detector(), ("???", *NAMES[:90])).labels == NAMES[:90]
    assert "has 90 or 91 classes, the labels are 80: 10 too few" in refusal(detector(), 80)
    assert f"ends in {POST_PROCESS}, but no labels are in it" in refusal(detector())


def test_a_detector_that_does_not_say_its_sizes_is_one_all_the_same() -> None:
    assert guess(detector(shaped=False), NAMES[:90]).decoder == "ssd"


@pytest.mark.parametrize(
    ("shape", "layout"), [((1, 567, 7), "v5"), ((1, 6, 189), "v8"), ((1, 756, 7), "")]
)
def test_rows_are_a_yolo(shape: tuple[int, ...], layout: str) -> None:
    if not layout:
        assert "has 2 labels" not in refusal(model(tensor(*shape)), 3)
        return
    found = guess(model(tensor(*shape)), NAMES[:2])
    assert (found.decoder, found.roles, found.params.strides) == ("yolo", {"rows": 0}, (8, 16, 32))
    assert found.why.endswith(f"({layout})")


def test_a_yolo_of_other_grids_is_known_by_its_cells() -> None:
    found = guess(model(tensor(1, 6, 36 + 9)), NAMES[:2])
    assert found.params.strides == (16, 32)


def test_a_yolo_counts_its_labels() -> None:
    assert "has 2 classes, the labels are 80: 78 too many" in refusal(model(tensor(1, 567, 7)), 80)
    assert "has 2 classes, the labels are 80: 78 too many" in refusal(model(tensor(1, 6, 189)), 80)
    assert "but no labels are in it" in refusal(model(tensor(1, 567, 7)))


def test_a_yolo_too_coarse_to_be_read_is_refused() -> None:
    told = refusal(model(tensor(1, 6, 189, q=(1.8, 0))), 2)
    assert "too coarse for a score" in told


def test_a_heat_map_and_boxes_are_a_centernet() -> None:
    heat, box = tensor(1, 24, 24, 16), tensor(1, 24, 24, 4, q=(0.95, 3))
    for made, roles in (
        (model(box, heat), {"heat": 1, "box": 0}),
        (model(heat, box), {"heat": 0, "box": 1}),
    ):
        found = guess(made, NAMES[:16])
        assert (found.decoder, found.roles, found.params.stride) == ("centernet", roles, 4)
    four = tensor(1, 12, 12, 4)
    found = guess(model(four, replace(four, scale=0.9)), NAMES[:4])
    assert (found.roles, found.params.stride) == ({"heat": 0, "box": 1}, 8)


def test_boxes_of_distributions_are_a_yolo_too() -> None:
    found = guess(model(tensor(1, 189, 2), tensor(1, 189, 64)), NAMES[:2])
    assert (found.decoder, found.roles) == ("yolo_dfl", {"scores": 0, "boxes": 1})
    found = guess(model(tensor(1, 189, 80), tensor(1, 189, 64)), NAMES[:80])
    assert found.roles == {"scores": 0, "boxes": 1}
    third = model(tensor(1, 189, 64), tensor(1, 189, 80), tensor(1, 4, 189))
    assert guess(third, NAMES[:80]).roles == {"boxes": 0, "scores": 1}
    assert guess(model(tensor(1, 189, 64), tensor(1, 189, 64)), NAMES[:64]).task == "detect"
    assert "has 2 classes, the labels are 3" in refusal(
        model(tensor(1, 189, 64), tensor(1, 189, 2)), 3
    )


@pytest.mark.parametrize(
    ("taken", "told"),
    [
        ((), "takes 0 inputs (none); the agent gives a model one picture"),
        ((IMAGE, IMAGE), "takes 2 inputs (t, t); the agent gives a model one picture"),
        ((tensor(1, 3, 96, 96),), "channels first; export it with channels last"),
        ((tensor(1, 96, 96, 1),), "the agent gives [1, height, width, 3]"),
        ((tensor(4, 96, 96, 3),), "the agent gives [1, height, width, 3]"),
        ((tensor(1, 9216),), "its input is uint8 [1, 9216]; the agent gives"),
        ((tensor(1, 96, 96, 3, dtype="int16"),), "the agent gives uint8, int8 or float32"),
    ],
)
def test_inputs_that_are_no_picture_are_refused(taken: Sequence[TensorSpec], told: str) -> None:
    assert told in refusal(model(tensor(1, 3), taken=taken), 3)


def test_a_size_that_is_only_known_when_it_runs_is_refused() -> None:
    made = model(tensor(1, 3))
    made = replace(made, inputs=(replace(made.inputs[0], dynamic=True),))
    assert "of a size that is only known when it runs; export it with a fixed size" in refusal(
        made, 3
    )


def test_outputs_that_nothing_reads_are_told() -> None:
    told = refusal(model(tensor(1, 10, 4), tensor(1, 3), tensor(1, 7), last="ADD"), 3)
    assert "its outputs (uint8 [1, 10, 4] by ADD, uint8 [1, 3] by ADD, uint8 [1, 7] by ADD)" in told


def test_an_owner_who_says_otherwise_is_told_why_not() -> None:
    told = refusal(detector(), 90, "classify")
    assert told == f"m.tflite: is for 'detect' (ends in {POST_PROCESS}), not for 'classify'"


def compiled(made: Anatomy) -> Anatomy:
    steps = (*made.operators, Operator("edgetpu-custom-op", (0,), (99,)))
    return replace(made, path=Path("m_edgetpu.tflite"), operators=steps)


def test_a_compiled_file_may_order_its_outputs_otherwise() -> None:
    cpu = detector()
    found = guess(cpu, NAMES[:90])
    assert match_pair(cpu, compiled(detector((3, 2, 1, 0))), found) == {
        "boxes": 3, "classes": 2, "scores": 1, "count": 0,
    }  # fmt: skip
    unsaid = compiled(detector((1, 0, 2, 3), shaped=False))
    assert match_pair(cpu, unsaid, found)["boxes"] == 1


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (model(tensor(1, 10)), "was not compiled for the Edge TPU"),
        (compiled(model(tensor(1, 11))), "it was not compiled from m.tflite, give the pair"),
        (compiled(model(tensor(1, 10), taken=(tensor(1, 64, 64, 3),))), "its input is uint8"),
        (compiled(model(tensor(1, 10, q=(0.0039, 0)))), "its output 'scores' is uint8 [1, 10]"),
        (compiled(model(tensor(1, 10, dtype="int8", q=(1 / 256, -128)))), "scale 0.00390625, zero"),
    ],
)
def test_a_pair_that_is_none_is_refused(other: Anatomy, told: str) -> None:
    cpu = model(tensor(1, 10))
    with pytest.raises(BundleError) as raised:
        match_pair(cpu, other, guess(cpu, NAMES[:10]))
    assert told in str(raised.value)
