"""A layer that is zero in all pictures gets steps that a runtime can use."""

from pathlib import Path

import numpy as np

from .nets import SIDE, TAKEN, Graph, feeds, run, with_a_layer_of_bias

ENDS = {"out": "end/added"}


def steps_of(model: bytes) -> dict[str, float]:
    """Return the step of each tensor that has one for all its channels, by its name."""
    from edgeagent.engines.tflite import find_runtime

    # Not made ready to run: with steps of next to nothing, that would take this process along.
    found = find_runtime().interpreter(model_content=model).get_tensor_details()
    steps = ((one["name"], one["quantization_parameters"]["scales"]) for one in found)
    return {name: float(scales[0]) for name, scales in steps if len(scales) == 1}


def made(graph: Graph, said: list[str]) -> bytes:
    """Quantise a graph by a few pictures."""
    from edgeagent.workshop.quantise import saved, to_tflite

    with saved(graph, TAKEN, ENDS, [1, SIDE, SIDE, 3]) as folder:
        return to_tflite(folder, "int8", feeds(4), said.append)


def test_a_layer_that_is_zero_in_all_pictures_gets_steps_that_a_runtime_can_use(
    tmp_path: Path,
) -> None:
    from edgeagent.engines.tflite import find_runtime, load
    from edgeagent.workshop.build import _run

    graph, said = with_a_layer_of_bias(-1000), list[str]()
    model = made(graph, said)
    assert min(steps_of(model).values()) > 1e-6
    assert len(said) == 1
    assert "dead/relu" in said[0]
    (tmp_path / "m.tflite").write_bytes(model)
    interpreter = load(tmp_path / "m.tflite", find_runtime(), threads=1)
    [given] = _run(interpreter, ["out"], feeds(1)[0])
    wanted = run(graph, feeds(1)[0], given="end/added")
    assert np.allclose(given, wanted, atol=0.05)


def test_a_layer_that_is_seen_is_left_as_it_was_and_nothing_is_said() -> None:
    said: list[str] = []
    steps = steps_of(made(with_a_layer_of_bias(0), said))
    assert said == []
    assert min(steps.values()) > 1e-6
