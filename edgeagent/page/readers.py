"""Whoever watches the page: each is sent what is newest, and nobody waits for the slow."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

MOST = 32
"""So many at once; the next is told to come again later."""
STALLED = 40
"""A reader who took nothing for so many ticks is hung up on: 20 s."""


class Pipe(Protocol):
    """The way to one reader."""

    @property
    def is_full(self) -> bool:
        """Whether what was sent before is still on its way."""
        ...

    def send(self, data: bytes) -> None:
        """Send; never waits."""
        ...

    def close(self) -> None:
        """Hang up."""
        ...


@dataclass(slots=True)
class _Reader:
    """One reader, and what of each kind he has been sent."""

    pipe: Pipe
    had: dict[str, int] = field(default_factory=dict)
    missed: int = 0


class Readers:
    """All of them. A message is complete in itself and made once, whoever reads it. One thread's.

    What a reader has not taken is not kept for him: he is sent the newest when he can take it, so
    that each costs at most one message of memory, however slow he is.
    """

    def __init__(self) -> None:
        self._readers: dict[Pipe, _Reader] = {}
        self._newest: dict[str, tuple[int, bytes]] = {}

    def __len__(self) -> int:
        return len(self._readers)

    @property
    def is_full(self) -> bool:
        """Whether no more are taken."""
        return len(self._readers) >= MOST

    def join(self, pipe: Pipe) -> None:
        """Send to ``pipe``, too, from the next `tell` on, beginning with all there is."""
        self._readers[pipe] = _Reader(pipe)

    def leave(self, pipe: Pipe) -> None:
        """Send no more to it. Twice is safe."""
        self._readers.pop(pipe, None)

    def tell(self, news: Mapping[str, bytes]) -> None:
        """Put up ``news``, kind to message, and send each reader what he has not had."""
        for kind, data in news.items():
            number, before = self._newest.get(kind, (0, b""))
            message = framed(kind, data)
            if message != before:
                self._newest[kind] = number + 1, message
        for reader in list(self._readers.values()):
            self._serve(reader)

    def _serve(self, reader: _Reader) -> None:
        if reader.pipe.is_full:
            reader.missed += 1
            if reader.missed >= STALLED:
                self.leave(reader.pipe)
                reader.pipe.close()
            return
        reader.missed = 0
        due = [
            (kind, number, data)
            for kind, (number, data) in self._newest.items()
            if reader.had.get(kind) != number
        ]
        reader.had.update((kind, number) for kind, number, _ in due)
        if due:
            reader.pipe.send(b"".join(data for _, _, data in due))

    def close(self) -> None:
        """Hang up on all."""
        for pipe in list(self._readers):
            self.leave(pipe)
            pipe.close()


def framed(kind: str, data: bytes) -> bytes:
    """Return one server-sent event (WHATWG HTML, 9.2); ``data`` has no line break."""
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), data)
