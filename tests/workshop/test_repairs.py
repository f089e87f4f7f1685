"""What is done to a graph so that eight bits suffice changes nothing in float."""

import numpy as np
import pytest

from .nets import GIVEN, TAKEN, feeds, run, swish_graph


def int8_error(graph: object) -> float:
    """Return how far the quantised model is from float, as a share of the outputs' spread."""
    import tempfile
    from pathlib import Path

    from edgeagent.engines.tflite import find_runtime, load
    from edgeagent.workshop.build import _run
    from edgeagent.workshop.quantise import saved, to_tflite

    shown = feeds(12)
    wanted = [run(swish_graph(), feed) for feed in shown]
    with saved(graph, TAKEN, {"head": GIVEN}, shown[0].shape) as folder:
        model = to_tflite(folder, "int8", shown)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.tflite"
        path.write_bytes(model)
        interpreter = load(path, find_runtime(), threads=1)
        given = [_run(interpreter, ["head"], feed)[0] for feed in shown]
    off = np.mean([np.abs(g - w).mean() for g, w in zip(given, wanted, strict=True)])
    return float(off / np.std(wanted))


def test_hard_swishes_are_found_by_what_they_compute_not_by_name() -> None:
    from edgeagent.workshop.hardswish import find_hard_swishes

    found = sorted(swish.x for swish in find_hard_swishes(swish_graph()))
    assert found == ["net/stem/added", "net/wide/added"]


def test_a_split_hard_swish_is_the_same_in_float() -> None:
    from edgeagent.workshop.graph import extract
    from edgeagent.workshop.hardswish import find_hard_swishes, split_hard_swishes

    graph, shown = swish_graph(), feeds()
    assert split_hard_swishes(graph) == 2
    graph = extract(graph, [GIVEN])
    assert list(find_hard_swishes(graph)) == []
    for feed in shown:
        assert np.allclose(run(graph, feed), run(swish_graph(), feed), atol=1e-3, rtol=1e-4)


def test_equalised_channels_are_the_same_in_float_and_need_like_ranges() -> None:
    from edgeagent.workshop.equalise import equalise, largest
    from edgeagent.workshop.graph import extract
    from edgeagent.workshop.hardswish import split_hard_swishes

    graph, shown = swish_graph(), feeds()
    split_hard_swishes(graph)
    graph = extract(graph, [GIVEN])
    before = largest(graph, TAKEN, ["net/wide/swish/mul_1"], shown)[0]
    done = equalise(graph, TAKEN, [GIVEN], shown)
    after = largest(graph, TAKEN, ["net/wide/swish/mul_1"], shown)[0]
    assert done.free >= 2
    assert done.strange == ()
    assert after.max() / after.min() < before.max() / before.min() / 2
    for feed in shown:
        assert np.allclose(run(graph, feed), run(swish_graph(), feed), atol=1e-3, rtol=1e-3)


def test_what_is_not_understood_is_left_alone() -> None:
    import tensorflow as tf

    from edgeagent.workshop.equalise import equalise
    from edgeagent.workshop.graph import add_node

    graph, shown = swish_graph(), feeds(2)
    add_node(graph, "Elu", "net/elu", ["net/wide/swish/mul_1"], T=tf.float32)
    before = run(graph, shown[0], given="net/elu")
    done = equalise(graph, TAKEN, [GIVEN, "net/elu"], shown)
    assert done.strange == ("Elu",)
    assert np.allclose(run(graph, shown[0], given="net/elu"), before, rtol=1e-3, atol=1e-3)


def test_a_stem_in_segments_is_nearly_the_same_in_float() -> None:
    from edgeagent.workshop.graph import extract
    from edgeagent.workshop.stem import SEGMENTS, find_stem, segment_stem

    graph, shown = swish_graph(), feeds()
    assert segment_stem(graph, shown) == SEGMENTS
    graph = extract(graph, [GIVEN])
    assert find_stem(graph) is None
    for feed in shown:
        wanted = run(swish_graph(), feed)
        assert np.abs(run(graph, feed) - wanted).max() < 0.03 * np.abs(wanted).max()


def test_a_graph_without_such_a_stem_stays_as_it_is() -> None:
    from edgeagent.workshop.graph import extract
    from edgeagent.workshop.stem import segment_stem

    graph = extract(swish_graph(), ["net/stem/added"])
    before = graph.SerializeToString(deterministic=True)
    assert segment_stem(graph, feeds(1)) == 0
    assert graph.SerializeToString(deterministic=True) == before


def test_the_repairs_take_most_of_the_error_of_eight_bits_away() -> None:
    from edgeagent.workshop.born import Born
    from edgeagent.workshop.build import repair

    born = Born("graph", swish_graph(200), TAKEN, {"head": GIVEN}, [1, 32, 32, 3])
    repair(born, feeds(12))
    wanted = swish_graph(200)
    naive = int8_error(wanted)
    repaired = int8_error(born.graph)
    assert repaired < 0.6 * naive, (naive, repaired)


@pytest.mark.parametrize("budget", [20, 60])
def test_knots_are_put_until_there_are_as_many_segments_as_asked(budget: int) -> None:
    from edgeagent.workshop.stem import _Knots, place_knots

    draw = np.random.default_rng(1)
    knots = [_Knots(draw.normal(0, spread, 500).astype(np.float32), 1.0) for spread in (1, 4)]
    place_knots(knots, budget)
    assert sum(len(knot.places) - 1 for knot in knots) == budget
    assert all(sorted(knot.places) == knot.places for knot in knots)
    assert all(knot.places[0] <= max(-3.0, float(knot.values.min())) for knot in knots)
