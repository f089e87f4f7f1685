"""Several engines with the same model, as one: whoever waits longest gets the first free."""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from edgeagent.engines import Engine, Seat
from edgeagent.errors import AcceleratorError
from edgeagent.model import Bundle, ModelFile
from edgeagent.tensor import TensorSpec


class _Ticket:
    """One who waits; the engine is there when ``called`` is."""

    def __init__(self) -> None:
        self.called = threading.Event()
        self.engine: Engine | None = None


def none_aside(_: Engine) -> bool:
    """Say of every engine that it is as good as the others."""
    return False


class Pool:
    """Engines that run the same bundle on several devices; see `Engine`.

    As many may sit as there are engines. One that stands aside, because its device is away and it
    would answer from the CPU, is used only while all do.
    """

    def __init__(
        self, engines: Sequence[Engine], aside: Callable[[Engine], bool] = none_aside
    ) -> None:
        """Take over ``engines``, at least one; nobody else may sit on them or close them.

        Args:
            engines: all of one bundle, the best first.
            aside: whether an engine is at present not to be used if another is; cheap.
        """
        self._engines = list(engines)
        self._aside = aside
        self._lock = threading.Lock()
        self._free = list(engines)
        self._waiting: deque[_Ticket] = deque()
        self._is_closed = False

    @property
    def name(self) -> str:
        """See `Engine.name`: of the best that would answer now."""
        return self._best.name

    @property
    def bundle(self) -> Bundle:
        """See `Engine.bundle`."""
        return self._engines[0].bundle

    @property
    def file(self) -> ModelFile:
        """See `Engine.file`."""
        return self._best.file

    @property
    def takes(self) -> TensorSpec:
        """See `Engine.takes`."""
        return self._best.takes

    @property
    def load_ms(self) -> float:
        """See `Engine.load_ms`: the slowest."""
        return max(engine.load_ms for engine in self._engines)

    @property
    def first_ms(self) -> float:
        """See `Engine.first_ms`: the slowest."""
        return max(engine.first_ms for engine in self._engines)

    @property
    def ease(self) -> float:
        """See `Engine.ease`: the mean of those in use."""
        used = self._used()
        return sum(engine.ease for engine in used) / len(used)

    @contextmanager
    def seat(self) -> Iterator[Seat]:
        """See `Engine.seat`."""
        engine = self._acquire()
        try:
            with engine.seat() as seat:
                yield seat
        finally:
            self._leave(engine)

    def close(self) -> None:
        """See `Engine.close`."""
        with self._lock:
            self._is_closed = True
            waiting, self._waiting = list(self._waiting), deque()
        for ticket in waiting:
            ticket.called.set()
        for engine in self._engines:
            engine.close()

    @property
    def waiting(self) -> int:
        """How many threads queue."""
        return len(self._waiting)

    @property
    def _best(self) -> Engine:
        return self._used()[0]

    def _used(self) -> list[Engine]:
        """Return the engines that do not stand aside; all where all do."""
        return [one for one in self._engines if not self._aside(one)] or self._engines

    def _acquire(self) -> Engine:
        ticket = _Ticket()
        with self._lock:
            if not self._is_closed:
                self._waiting.append(ticket)
                self._call()
        try:
            if not self._is_closed:
                ticket.called.wait()
        except BaseException:
            self._withdraw(ticket)
            raise
        if ticket.engine is None:
            raise AcceleratorError(
                f"engine {self.bundle.name!r} is closed; open it again", cause="closed"
            )
        return ticket.engine

    def _leave(self, engine: Engine) -> None:
        with self._lock:
            self._free.append(engine)
            self._call()

    def _call(self) -> None:
        """Hand free engines to those who wait; whoever holds the lock."""
        # Somebody waits only while an engine in use is busy: its leaving calls again.
        used = self._used()
        free = [engine for engine in used if engine in self._free]
        while self._waiting and free:
            ticket = self._waiting.popleft()
            ticket.engine = free.pop(0)
            self._free.remove(ticket.engine)
            ticket.called.set()

    def _withdraw(self, ticket: _Ticket) -> None:
        with self._lock:
            if ticket in self._waiting:
                self._waiting.remove(ticket)
        if ticket.engine is not None:
            self._leave(ticket.engine)
