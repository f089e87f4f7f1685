"""What runs a model: the promises every engine keeps, and the door through which one is had."""

import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from edgeagent.errors import AcceleratorError
from edgeagent.findings import Notice
from edgeagent.tensor import Tensor, TensorSpec

if TYPE_CHECKING:
    # Not while running: a child that only runs a model need not know how bundles are read.
    from edgeagent.model import Bundle, ModelFile

Tell = Callable[[Notice], None]


class Seat(Protocol):
    """The one place at the engine; whoever holds it may fill the input and run."""

    @property
    def name(self) -> str:
        """`Engine.name` of what answered the last run, or will answer the first."""
        ...

    @property
    def file(self) -> "ModelFile":
        """The file that gave the last run's outputs, by which they are to be decoded."""
        ...

    @property
    def input(self) -> Tensor:
        """The model's input in the engine's own memory, C order; write here."""
        ...

    @property
    def invoke_us(self) -> int:
        """How long the last run took in the interpreter alone, in microseconds."""
        ...

    def run(self) -> Mapping[str, Tensor]:
        """Run the model on ``input``.

        Returns:
            Role to raw tensor, valid until the next run or until the seat is left.

        Raises:
            AcceleratorError: the model did not run; another try may succeed.
        """
        ...


class Engine(Protocol):
    """One loaded model on one device. Cameras share it: one sits, the others queue."""

    @property
    def name(self) -> str:
        """``cpu``, ``tpu``, ``sim`` or ``scripted``: what would answer now; goes into ``info``."""
        ...

    @property
    def bundle(self) -> "Bundle":
        """What it runs."""
        ...

    @property
    def file(self) -> "ModelFile":
        """The file of the bundle that it would run now; outputs are decoded by `Seat.file`."""
        ...

    @property
    def takes(self) -> TensorSpec:
        """The input, ``[1, height, width, 3]``."""
        ...

    @property
    def load_ms(self) -> float:
        """How long it took to load the model."""
        ...

    @property
    def first_ms(self) -> float:
        """How long the first call took, which is never a typical one; 0 before it."""
        ...

    @property
    def ease(self) -> float:
        """The share of the usual rate at which to ask it: 1, less while it is slow."""
        ...

    def seat(self) -> AbstractContextManager[Seat]:
        """Wait for the seat, first come first served; from any thread.

        Raises:
            AcceleratorError: the engine is closed.
        """
        ...

    def close(self) -> None:
        """Wait for whoever sits, then free the model; twice is safe."""
        ...


class Turnstile:
    """A lock that is fair: whoever waits longest is next.

    A plain lock lets the thread that has just left take it again, so that one busy camera could
    keep the others from the engine for as long as it likes.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._taken = False

    def __enter__(self) -> None:
        ticket = self._enqueue()
        if ticket is None:
            return
        try:
            ticket.acquire()
        except BaseException:
            self._withdraw(ticket)
            raise

    def __exit__(self, *_: object) -> None:
        with self._guard:
            if self._waiting:
                # Handed over: it stays taken, so nobody can slip in between.
                self._waiting.popleft().release()
            else:
                self._taken = False

    @property
    def waiting(self) -> int:
        """How many threads queue."""
        return len(self._waiting)

    def _enqueue(self) -> "threading.Lock | None":
        """Take the turn and return None, or return a lock that opens when it is one's turn."""
        with self._guard:
            if not self._taken:
                self._taken = True
                return None
            ticket = threading.Lock()
            ticket.acquire()
            self._waiting.append(ticket)
            return ticket

    def _withdraw(self, ticket: threading.Lock) -> None:
        with self._guard:
            waiting = ticket in self._waiting
            if waiting:
                self._waiting.remove(ticket)
        if not waiting:
            self.__exit__()


def shown(name: str) -> str:
    """Return `Engine.name` for a person: a figure of the simulator is never taken for a TPU's."""
    return "sim (EDGETPU-SIM, no Edge TPU)" if name == "sim" else name


def nobody(notice: Notice) -> None:
    """Hear ``notice`` and keep it."""


def open_engine(
    bundle: "Bundle",
    device: str = "cpu",
    runtime: str = "auto",
    threads: int = 1,
    warm: bool = True,
    tell: Tell = nobody,
) -> Engine:
    """Load ``bundle`` on ``device``.

    Args:
        bundle: a checked bundle; one new to this machine is to be tried first
            (`engines.trial.ensure_tried`).
        device: ``cpu``, or ``scripted`` for an engine that answers zeros until told otherwise.
        runtime: ``litert``, ``tflite``, or ``auto`` for the first of them that is installed.
        threads: of the interpreter.
        warm: run once on zeros, so that the first picture does not pay for it.
        tell: hears that the engine is ready, and what happens to it later.

    Raises:
        BundleError: the file's tensors are not those of the manifest.
        RuntimeRefusedError: no interpreter is installed, or it does not take the file.
        AcceleratorError: there is no such device.
    """
    if device == "scripted":
        from edgeagent.engines.scripted import Scripted

        return Scripted(bundle)
    if device != "cpu":
        raise AcceleratorError(
            f"engine {device!r}: this release runs models on 'cpu' alone", cause="no_device"
        )
    from edgeagent.engines.tflite import open_cpu

    return open_cpu(bundle, runtime, threads, warm, tell)
