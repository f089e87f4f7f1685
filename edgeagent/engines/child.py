"""Engines whose interpreter lives in a child process, behind a deadline."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from edgeagent.engines import Seat
from edgeagent.engines.deadline import Deadline
from edgeagent.model import Bundle, Device, ModelFile
from edgeagent.tensor import Tensor, TensorSpec


@dataclass(frozen=True, slots=True)
class Delegate:
    """The library through which an interpreter speaks to a device."""

    library: str
    """A path, or a name for the loader to find: ``libedgetpu.so.1``."""
    options: Mapping[str, str] = field(default_factory=dict)
    """What the library is told: ``{"device": "usb:0"}``."""


class Worker:
    """One device's process; it holds the models of that device and is started when one is loaded.

    It is for life: when the process died, the next `open_child` starts another one.
    """

    def __init__(
        self, title: str, delegate: Delegate | None, runtime: str = "auto", threads: int = 1
    ) -> None:
        raise NotImplementedError

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        raise NotImplementedError

    @property
    def pid(self) -> int:
        """Of the process, 0 without one."""
        raise NotImplementedError

    @property
    def library_version(self) -> str:
        """What the delegate's library calls itself, "" before it was loaded."""
        raise NotImplementedError

    def kill(self) -> None:
        """End the process at once, as if it had hung; its engines raise from then on."""
        raise NotImplementedError

    def close(self) -> None:
        """End the process for good; twice is safe."""
        raise NotImplementedError


class ChildEngine:
    """A model in a worker's process; see `Engine`, and `Seat`, which it is itself."""

    name: str
    bundle: Bundle
    file: ModelFile
    takes: TensorSpec
    load_ms: float
    first_ms: float
    input: Tensor
    invoke_us: int

    @property
    def alive(self) -> bool:
        """Whether the process that loaded it still runs; once False it stays so."""
        raise NotImplementedError

    @contextmanager
    def seat(self) -> Iterator[Seat]:
        """See `Engine.seat`."""
        raise NotImplementedError
        yield self

    def run(self) -> Mapping[str, Tensor]:
        """See `Seat.run`."""
        raise NotImplementedError

    def close(self) -> None:
        """See `Engine.close`."""
        raise NotImplementedError


def open_child(
    bundle: Bundle, device: Device, worker: Worker, deadline: Deadline, name: str = ""
) -> ChildEngine:
    """Load the bundle's file for ``device`` in ``worker``'s process, and warm it.

    Raises:
        AcceleratorError: with its cause.
        BundleError: the file's tensors are not those of the manifest.
        RuntimeRefusedError: there is no interpreter, or it does not take the file.
    """
    raise NotImplementedError
