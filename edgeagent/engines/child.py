"""Engines whose interpreter lives in a child process, behind a deadline.

A USB error aborts the process that talks to an Edge TPU, other failures never return from the
call, and no except clause helps against either. So the interpreter is put where it can be killed.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from edgeagent.engines import Seat, Turnstile, messages
from edgeagent.engines.deadline import Deadline, Patience
from edgeagent.engines.owner import Delegate, Held, Worker
from edgeagent.errors import AcceleratorError, BundleError
from edgeagent.model import Bundle, Device, ModelFile
from edgeagent.tensor import Tensor, TensorSpec

__all__ = ["ChildEngine", "Delegate", "Worker", "open_child"]

SIMULATOR = "EDGETPU-SIM"
"""What the library of the tests calls itself: its figures must never pass for a TPU's."""


def open_child(
    bundle: Bundle, device: Device, worker: Worker, deadline: Deadline, name: str = ""
) -> "ChildEngine":
    """Load the bundle's file for ``device`` in ``worker``'s process, and run it to warm it.

    Args:
        bundle: a checked bundle.
        device: which of its files.
        worker: of the device.
        deadline: what the process is allowed, call by call.
        name: of the engine; by default ``cpu`` without a delegate, ``sim`` with the tests'
            library, else ``tpu``.

    Raises:
        AcceleratorError: with its cause.
        BundleError: there is no such file, or its tensors are not those of the manifest.
        RuntimeRefusedError: there is no interpreter, or it does not take the file.
    """
    file = bundle.files.get(device)
    if file is None:
        raise BundleError(f"{bundle.folder}: files.{device}: missing; deploy a bundle that has it")
    began_s = time.perf_counter()
    held = worker.load(file, deadline.load_s)
    engine = ChildEngine(bundle, file, worker, held, Patience(deadline))
    engine.name = name or _name(worker)
    engine.load_ms = (time.perf_counter() - began_s) * 1000
    try:
        engine.warm()
    except BaseException:
        engine.close()
        raise
    return engine


def _name(worker: Worker) -> str:
    if worker.delegate is None:
        return "cpu"
    return "sim" if SIMULATOR in worker.library_version else "tpu"


class ChildEngine:
    """A model in a worker's process; see `Engine`, and `Seat`, which it is itself.

    Its input is the parent's: whatever becomes of the process, a picture that was put there
    remains for as long as the engine does.
    """

    ease = 1.0

    def __init__(
        self, bundle: Bundle, file: ModelFile, worker: Worker, held: Held, patience: Patience
    ) -> None:
        self.name = "cpu"
        self.bundle = bundle
        self.file = file
        self.takes: TensorSpec = file.input
        self.load_ms = 0.0
        self.first_ms = 0.0
        self.input: Tensor = held.memory.input
        self._taken_ns = 0
        self._outputs = held.memory.outputs
        self._worker = worker
        self._held = held
        self._process = held.process
        self._request = messages.run(held.number)
        self._patience = patience
        self._turnstile = Turnstile()
        self._closed = False

    @property
    def story(self) -> str:
        """What runs here, and how long it took to get ready, in words."""
        return (
            f"{self.bundle.name} {self.file.digest8} by {self._held.facts['runtime']} in a process "
            f"of its own, loaded in {self.load_ms:.0f} ms, first call {self.first_ms:.0f} ms"
        )

    @property
    def invoke_us(self) -> int:
        """See `Seat.invoke_us`; measured in the child, without the way there and back."""
        return self._taken_ns // 1000

    @property
    def alive(self) -> bool:
        """Whether the process that loaded it still runs; once False it stays so."""
        return not self._closed and self._process.alive

    def warm(self) -> None:
        """Run thrice on what lies in the input: the first is not typical, the third has a limit."""
        with self.seat():
            self.run()
            self.first_ms = self._taken_ns / 1e6
            self.run()
            self.run()

    @contextmanager
    def seat(self) -> Iterator[Seat]:
        """See `Engine.seat`.

        Raises:
            AcceleratorError: it is closed, or its process is known to have died, of ``cause``.
        """
        with self._turnstile:
            if self._closed:
                raise AcceleratorError(
                    f"engine {self.name!r} is closed; open it again", cause="closed"
                )
            if self._process.death:
                raise self._process.error()
            yield self

    def run(self) -> Mapping[str, Tensor]:
        """See `Seat.run`; the outputs lie in shared memory and are overwritten by the next run.

        Raises:
            AcceleratorError: with a delegate the engine is lost, whatever the cause, and to be
                opened again; without one only where `alive` is False.
        """
        process = self._process
        # Before the call, when caches are warm, and not after it.
        if self._taken_ns and self._patience.note(self._taken_ns):
            process.tidy_stderr()
        try:
            self._taken_ns = process.run(self._request, self._patience.limit_s)
        except AcceleratorError:
            self._taken_ns = 0
            self._worker.failed(process)
            raise
        return self._outputs

    def close(self) -> None:
        """See `Engine.close`."""
        with self._turnstile:
            if self._closed:
                return
            self._closed = True
            self._worker.leave(self._process, self._held.number)
