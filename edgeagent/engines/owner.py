"""Owns a device: starts the one process that may hold it, again and again if it must."""

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count

from edgeagent.engines.memory import Memory, Plan, new_descriptor, plan
from edgeagent.engines.process import GRACE_S, Process
from edgeagent.errors import AcceleratorError, Cause
from edgeagent.model import ModelFile


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
