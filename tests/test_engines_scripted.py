"""The engine that says what it was told."""

import time

import numpy as np
import pytest

from edgeagent.engines import Seat
from edgeagent.engines.scripted import Scripted, nothing
from edgeagent.errors import AcceleratorError
from edgeagent.model import bundles_folder, find_bundle
from edgeagent.tensor import Tensor

BUNDLE = find_bundle("embed88-128", [bundles_folder()])


def vector(value: int) -> dict[str, Tensor]:
    return {"vector": np.full((1, 88), value, np.uint8)}


def told(seat: Seat) -> int:
    return int(seat.run()["vector"][0, 0])


def test_untold_it_says_zero_in_the_models_own_terms() -> None:
    with Scripted(BUNDLE).seat() as seat:
        assert told(seat) == 124
    assert nothing(BUNDLE.files["cpu"])["vector"].dtype == np.uint8


def test_answers_come_in_turn_and_the_last_stays() -> None:
    with Scripted(BUNDLE, [vector(1), vector(2)]).seat() as seat:
        assert [told(seat) for _ in range(4)] == [1, 2, 2, 2]


def test_a_function_answers_by_the_input() -> None:
    with Scripted(BUNDLE, lambda image: vector(int(image[0, 0, 0, 0]) + 1)).seat() as seat:
        seat.input[...] = 41
        assert told(seat) == 42


def test_it_keeps_a_copy_of_every_input() -> None:
    engine = Scripted(BUNDLE)
    with engine.seat() as seat:
        for value in (3, 4):
            seat.input[...] = value
            seat.run()
    assert [int(image.max()) for image in engine.saw] == [3, 4]


def test_it_fails_at_the_runs_it_was_told_to_and_goes_on() -> None:
    engine = Scripted(BUNDLE, [vector(1), vector(2), vector(3)], fails={1})
    with engine.seat() as seat:
        assert told(seat) == 1
        with pytest.raises(AcceleratorError, match="told to fail at run 1"):
            seat.run()
        assert told(seat) == 3


def test_it_can_be_slow() -> None:
    with Scripted(BUNDLE, delay_s=0.05).seat() as seat:
        began_s = time.monotonic()
        seat.run()
        assert time.monotonic() - began_s >= 0.05
        assert seat.invoke_us >= 50_000
