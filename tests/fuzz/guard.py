"""One input under watch: what comes out, how long it takes, what it costs, what it touches."""

import logging
import os
import resource
import shutil
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from .target import Target

BUSY_S = 5.0
"""CPU time, so that a busy machine is no hang."""
WAITS_S = 60.0
"""Wall time, for what waits for something that never comes."""
MOST_BYTES = 160 << 20
"""What one input may cost beyond the most that was ever needed before it."""
ADDRESS_BYTES = 1 << 30
"""Address space beyond what there is; threads reserve more than they use."""

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = {
    "os.rename": (0, 1), "os.remove": (0,), "os.mkdir": (0,), "os.rmdir": (0,), "os.link": (1,),
    "os.symlink": (1,), "os.truncate": (0,), "os.chmod": (0,), "os.chown": (0,), "os.utime": (0,),
}  # fmt: skip
"""Audit events (sys.addaudithook) that change files, and which of their arguments name those."""
_LEAVES = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn")
_TALKS = ("socket.connect", "socket.bind", "socket.sendto")


class FaultError(Exception):
    """What a parser must not do."""


class Guard:
    """That of one process, for good: audit hooks cannot be taken back."""

    def __init__(self, room: Path, busy_s: float = BUSY_S, waits_s: float = WAITS_S) -> None:
        """Begin to watch.

        Args:
            room: an empty folder. The target's is within, beside it lies what is none of its
                business.
            busy_s: see `BUSY_S`.
            waits_s: see `WAITS_S`.
        """
        self._busy_s, self._waits_s = busy_s, waits_s
        self.room, self.folder, self.other = room, room / "in", room / "other"
        self.other.mkdir(parents=True)
        (self.other / "secret").write_text("nobody's business\n")
        self._target: Target | None = None
        self._seen: list[str] = []
        sys.addaudithook(self._audit)
        threading.excepthook = lambda told: self._note(told.exc_value, "in a thread")
        logging.getLogger().addHandler(_Listener(self._note))
        logging.getLogger().setLevel(logging.WARNING)
        signal.signal(signal.SIGVTALRM, _late)
        signal.signal(signal.SIGALRM, _late)
        limit = _address_bytes() + ADDRESS_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    def run(self, target: Target, data: bytes) -> None:
        """Give ``data`` to ``target``.

        Raises:
            FaultError: what it did that it must not.
        """
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        before_bytes = _most_bytes()
        self._target, self._seen = target, []
        try:
            with self._timed():
                target.take(data, self.folder)
        except target.raises as error:
            self._seen += _unsayable(error)
        except Exception as error:  # noqa: BLE001  this is what is looked for
            self._note(error, "raised")
        finally:
            self._target = None
        if (grown := _most_bytes() - before_bytes) > MOST_BYTES:
            self._seen.append(f"took {grown >> 20} MB for {len(data)} bytes")
        if self._seen:
            raise FaultError("\n".join(self._seen))

    @contextmanager
    def _timed(self) -> Iterator[None]:
        signal.setitimer(signal.ITIMER_VIRTUAL, self._busy_s)
        signal.setitimer(signal.ITIMER_REAL, self._waits_s)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _note(self, error: BaseException | None, how: str) -> None:
        if self._target is not None and error is not None:
            where = traceback.extract_tb(error.__traceback__)[-4:]
            lines = "".join(f"\n  {at.filename}:{at.lineno} {at.name}" for at in where)
            self._seen.append(f"{how}: {type(error).__name__}: {error!s:.200}{lines}")

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if self._target is None:
            return
        if event == "open":
            self._opened(*args)
        elif event in _CHANGES:
            for place in _CHANGES[event]:
                self._changed(event, args[place])
        elif event in _LEAVES:
            self._left(event, args)
        elif event in _TALKS and not self._target.sockets:
            self._seen.append(f"{event} {args!r:.200}")

    def _left(self, event: str, args: tuple[Any, ...]) -> None:
        assert self._target is not None
        if args[0] not in self._target.tools:
            self._seen.append(f"{event} {args!r:.200}")

    def _opened(self, path: object, mode: object, flags: object) -> None:
        if not isinstance(path, str | bytes) or not isinstance(flags, int):
            return
        if flags & _WRITES:
            self._changed("write", path)
        elif Path(os.path.realpath(os.fsdecode(path))).is_relative_to(self.other):
            self._seen.append(f"read {path!r:.200}, which is none of its files")

    def _changed(self, event: str, path: object) -> None:
        if isinstance(path, str | bytes | os.PathLike) and str(path) != "/dev/null":
            named = Path(os.fsdecode(path))
            # What is written goes where a link leads; else it is the link that is changed.
            is_followed = event in ("write", "os.chmod", "os.truncate")
            real = named.resolve() if is_followed else named.parent.resolve() / named.name
            if not real.is_relative_to(self.folder):
                self._seen.append(f"{event} {path!r:.200}, which is outside of its folder")


class _Listener(logging.Handler):
    """Hears of errors that somebody caught, wrote down, and went on from."""

    def __init__(self, note: Callable[[BaseException | None, str], None]) -> None:
        super().__init__(logging.WARNING)
        self._note = note

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self._note(record.exc_info[1], f"logged by {record.name}")


def _late(number: int, frame: FrameType | None) -> None:
    raise FaultError("busy for too long" if number == signal.SIGVTALRM else "waits for too long")


def _unsayable(error: Exception) -> list[str]:
    """Return what is wrong with the words of an error that may be raised."""
    try:
        told = str(error).encode()
    except UnicodeEncodeError:
        return [f"{type(error).__name__}: its words cannot be written anywhere: {error!r:.200}"]
    return [] if told else [f"{type(error).__name__} says nothing"]


def _address_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _most_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
