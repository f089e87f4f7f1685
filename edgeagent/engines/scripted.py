"""An engine that says what it was told: for tests, demos and the bench, chosen by name only."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np

from edgeagent.engines import Seat, Turnstile
from edgeagent.errors import AcceleratorError
from edgeagent.model import Bundle, ModelFile
from edgeagent.tensor import Tensor, TensorSpec

Outputs = Mapping[str, Tensor]
Script = Sequence[Outputs] | Callable[[Tensor], Outputs]
"""Answers in turn, the last one for ever after; or a function of the input."""


def nothing(file: ModelFile) -> Outputs:
    """Return what a model says that sees nothing: every output at its real 0."""
    return {
        role: spec.quantise(np.zeros(spec.shape, np.float32)) for role, spec in file.outputs.items()
    }


class Scripted:
    """A full engine without a model.

    Args:
        bundle: what it pretends to run.
        says: the answers; by default always `nothing`.
        delay_s: how long each run takes.
        fails: numbers of the runs, counted from 0, that raise AcceleratorError.
        name: see `Engine.name`; another engine may be played.
        file: the file of the bundle that says the shapes; by default `Bundle.some_file`.
    """

    load_ms = 0.0
    first_ms = 0.0
    ease = 1.0

    def __init__(
        self,
        bundle: Bundle,
        says: Script | None = None,
        delay_s: float = 0.0,
        fails: frozenset[int] | set[int] = frozenset(),
        name: str = "scripted",
        file: ModelFile | None = None,
    ) -> None:
        self.bundle = bundle
        self.name = name
        self.file = file or bundle.some_file
        self.takes: TensorSpec = self.file.input
        self.saw: list[Tensor] = []
        """A copy of every input, in order."""
        self.delay_s = delay_s
        self.fails = set(fails)
        self.input: Tensor = np.zeros(self.takes.shape, self.takes.dtype)
        self.invoke_us = 0
        self._says: Script = says if says is not None else [nothing(self.file)]
        self._turnstile = Turnstile()
        self._closed = False

    @contextmanager
    def seat(self) -> Iterator[Seat]:
        """See `Engine.seat`."""
        with self._turnstile:
            if self._closed:
                raise AcceleratorError(
                    f"engine {self.name!r} is closed; open it again", cause="closed"
                )
            yield self

    def run(self) -> Outputs:
        """See `Seat.run`; runs that fail count and keep their input too."""
        began_ns = time.perf_counter_ns()
        call = len(self.saw)
        self.saw.append(self.input.copy())
        if self.delay_s:
            time.sleep(self.delay_s)
        if call in self.fails:
            raise AcceleratorError(f"engine {self.name!r} was told to fail at run {call}")
        answer = self._answer(call)
        self.invoke_us = (time.perf_counter_ns() - began_ns) // 1000
        return answer

    def close(self) -> None:
        """See `Engine.close`."""
        with self._turnstile:
            self._closed = True

    def _answer(self, call: int) -> Outputs:
        if callable(self._says):
            return self._says(self.input)
        return self._says[min(call, len(self._says) - 1)]
