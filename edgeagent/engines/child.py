"""Engines whose interpreter lives in a child process, behind a deadline.

A USB error aborts the process that talks to an Edge TPU, other failures never return from the
call, and no except clause helps against either. So the interpreter is put where it can be killed.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count

from edgeagent.engines import Seat, Turnstile, messages
from edgeagent.engines.deadline import Deadline, Patience
from edgeagent.engines.memory import Memory, Plan, new_descriptor, plan
from edgeagent.engines.process import GRACE_S, Process
from edgeagent.errors import AcceleratorError, BundleError, Cause
from edgeagent.model import Bundle, Device, ModelFile
from edgeagent.tensor import Tensor, TensorSpec

SIMULATOR = "EDGETPU-SIM"
"""What the library of the tests calls itself: its figures must never pass for a TPU's."""


@dataclass(frozen=True, slots=True)
class Delegate:
    """The library through which an interpreter speaks to a device."""

    library: str
    """A path, or a name for the loader to find: ``libedgetpu.so.1``."""
    options: Mapping[str, str] = field(default_factory=dict)
    """What the library is told: ``{"device": "usb:0"}``."""


@dataclass(frozen=True, slots=True)
class Held:
    """A model in a process."""

    process: Process
    number: int
    memory: Memory
    facts: Mapping[str, str]


class Worker:
    """One device's process, which holds all models of that device.

    A worker is for life. It starts a process when a model is loaded and there is none, another
    one after that has died, and ends it with its last model.

    Args:
        title: of the device, for messages.
        delegate: None for models on the CPU. A function is asked before each load: what a library
            calls ``usb:0`` may be another stick once the first has been opened.
        runtime: see `engines.open_engine`.
        threads: of the interpreter.
    """

    def __init__(
        self,
        title: str,
        delegate: Delegate | Callable[[], Delegate] | None,
        runtime: str = "auto",
        threads: int = 1,
    ) -> None:
        self.title = title
        self.delegate = delegate
        self.library_version = ""
        """What the delegate's library calls itself, "" before it was loaded."""
        self._runtime = runtime
        self._threads = threads
        self._guard = threading.Lock()
        self._numbers = count(1)
        self._process: Process | None = None
        self._closed = False

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        process = self._process
        return process is not None and process.alive

    @property
    def pid(self) -> int:
        """Of its process, 0 without one."""
        process = self._process
        return process.pid if process is not None and process.alive else 0

    def load(self, file: ModelFile, limit_s: float) -> Held:
        """Load ``file``; if need be, start the process for it.

        Raises:
            AcceleratorError: with its cause.
            BundleError: the file's tensors are not those of the manifest.
            RuntimeRefusedError: there is no interpreter, or it does not take the file.
        """
        wanted = self._plan(file)
        process, number = self._join()
        try:
            memory, facts = _load(process, number, wanted, limit_s)
        except BaseException:
            self.leave(process, number)
            raise
        self.library_version = facts["version"]
        return Held(process, number, memory, facts)

    def leave(self, process: Process, number: int) -> None:
        """Free a model; with the last one the process ends."""
        with self._guard:
            process.models.discard(number)
            if process.models:
                with suppress(AcceleratorError):
                    process.drop(number)
                return
            if self._process is process:
                self._process = None
            # Nobody else may start one meanwhile: the device belongs to one process at a time.
            process.end("closed", "its last model was closed", GRACE_S)

    def failed(self, process: Process) -> None:
        """Take note that a run failed in ``process``, which may be alive or not.

        A delegate that failed once fails for ever, even when its device is back: its process
        ends, too.
        """
        if self.delegate and process.alive:
            process.end("error", "a run failed, and its delegate is not asked again")

    def kill(self, cause: Cause = "closed") -> None:
        """End the process at once; its engines raise with ``cause`` from then on."""
        process = self._process
        if process is not None:
            process.end(cause, "its process was killed")

    def close(self) -> None:
        """End the process for good; twice is safe."""
        with self._guard:
            process, self._process, self._closed = self._process, None, True
            if process is not None:
                process.end("closed", "its worker was closed", GRACE_S)

    def _join(self) -> tuple[Process, int]:
        with self._guard:
            if self._closed:
                raise AcceleratorError(f"worker {self.title!r} is closed", cause="closed")
            if self._process is None or not self._process.alive:
                self._process = Process(self.title)
            number = next(self._numbers)
            self._process.models.add(number)
            return self._process, number

    def _plan(self, file: ModelFile) -> Plan:
        delegate = self.delegate() if callable(self.delegate) else self.delegate
        delegate = delegate or Delegate("")
        return plan(file, self._runtime, self._threads, delegate.library, delegate.options)


def _load(
    process: Process, number: int, wanted: Plan, limit_s: float
) -> tuple[Memory, dict[str, str]]:
    descriptor = new_descriptor(wanted)
    try:
        return Memory(wanted, descriptor), process.load(number, wanted, descriptor, limit_s)
    finally:
        os.close(descriptor)


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
