import numpy as np
import pytest

from edgeagent.errors import ModelError

from .nets import GIVEN, feeds, run, swish_graph


def test_the_order_puts_each_node_after_what_it_takes() -> None:
    from edgeagent.workshop.graph import in_order, sources

    order = in_order(swish_graph())
    place = {node.name: n for n, node in enumerate(order)}
    assert len(order) == len(swish_graph().node)
    assert all(place[name] < place[node.name] for node in order for name in sources(node))


def test_a_constant_that_is_not_there_is_named() -> None:
    from edgeagent.workshop.graph import constant

    with pytest.raises(ModelError, match=r"no node net/nothing; it has \d+"):
        constant(swish_graph(), "net/nothing")


def test_extracting_keeps_only_what_the_outputs_need() -> None:
    from edgeagent.workshop.graph import by_name, extract

    part = extract(swish_graph(), ["net/stem/added"])
    assert "net/stem/conv" in by_name(part)
    assert "net/head/conv" not in by_name(part)


def test_shared_weights_are_parted_and_nothing_changes() -> None:
    from edgeagent.workshop.graph import by_name, extract, sources, unshare

    graph, feed = swish_graph(), feeds(1)[0]
    by_name(graph)["net/head/conv"].input[1] = "net/head/w"
    twin = graph.node.add()
    twin.CopyFrom(by_name(graph)["net/wide/conv"])
    twin.name = "net/twin"
    before = run(graph, feed, given="net/twin")
    unshare(graph)
    weights = [sources(by_name(graph)[name])[1] for name in ("net/wide/conv", "net/twin")]
    assert len(set(weights)) == 2
    assert np.array_equal(run(extract(graph, ["net/twin"]), feed, given="net/twin"), before)
    assert GIVEN in by_name(graph)
