"""A loop that is the same in every release: how fast this machine is just now."""

import time

import numpy as np

from edgeagent.bench.core import CoreWait

_SIDE = 96
_BYTES = 1 << 19


class Yardstick:
    """Arithmetic, memory and Python in turn, 6 ms of a PC: what the river is made of.

    It is never to be changed: a baseline was taken with it. A quarter as long, it trembled more
    than the looks it is to be held against.
    """

    def __init__(self, core: CoreWait) -> None:
        """Make ready.

        Args:
            core: of the thread that will call `ns`.
        """
        random = np.random.default_rng(0)
        self._core = core
        self._matrix = random.standard_normal((_SIDE, _SIDE), np.float32)
        self._bytes = random.integers(0, 255, _BYTES, np.uint8)

    def ns(self) -> int:
        """Run it once; return how long it took, without waits for a core."""
        waited_ns, began_ns = self._core.ns(), time.perf_counter_ns()
        self._arithmetic()
        self._memory()
        self._python()
        return time.perf_counter_ns() - began_ns - (self._core.ns() - waited_ns)

    def _arithmetic(self) -> None:
        product = self._matrix
        for _ in range(60):
            product = self._matrix @ product
            product /= np.abs(product).max() + 1

    def _memory(self) -> None:
        for _ in range(16):
            (self._bytes ^ np.uint8(3)).sum(dtype=np.uint32)

    def _python(self) -> None:
        total = 0
        for number in range(90_000):
            total += number * number & 255
