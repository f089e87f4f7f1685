"""A child process that holds models: started, asked one thing at a time, ended without a trace."""

import json
import os
import socket
import struct
import threading
from dataclasses import dataclass
from typing import NoReturn, cast

from edgeagent.engines import messages
from edgeagent.engines.causes import CURES, last_words, of_exit, of_words
from edgeagent.engines.memory import Plan
from edgeagent.engines.messages import ANSWER, BUNDLE, MAX_BYTES, REFUSED, WELL, WRONG
from edgeagent.engines.spawning import bury, open_words, start
from edgeagent.errors import AcceleratorError, BundleError, Cause, RuntimeRefusedError

GRACE_S = 1.0
"""How long a child may take to end by itself, and after SIGKILL until it is waited for no more."""

_MAX_STDERR_BYTES = 1 << 18
_TIMEVAL = struct.Struct("@ll")


@dataclass(frozen=True, slots=True)
class Death:
    """Why a process is no more."""

    cause: Cause
    why: str


class Process:
    """One child, from start to end; any thread may ask, each waits its turn.

    Args:
        title: of the device, for messages and for whoever lists processes.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self.death: Death | None = None
        """None as long as nobody has noticed one."""
        self.models: set[int] = set()
        """Kept by the worker: the process ends with its last model."""
        self._turn = threading.Lock()
        self._running = False
        self._limit_s = 0.0
        self._answer = bytearray(MAX_BYTES)
        self._ending: Death | None = None
        self._stderr = open_words()
        try:
            self._child, self._socket = start(title, self._stderr)
        except BaseException:
            os.close(self._stderr)
            raise
        self._send = self._socket.send
        self._receive_into = self._socket.recv_into

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._child.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.death is None and self._child.poll() is None

    def load(self, model: int, plan: Plan, memory: int, limit_s: float) -> dict[str, str]:
        """Have it load a model; return what it says of it.

        Args:
            model: a number by which it is asked for later.
            plan: what to load.
            memory: descriptor of the memory for its tensors.
            limit_s: it is killed when it has not answered by then.

        Raises:
            AcceleratorError: it died, or the device will not do.
            BundleError, RuntimeRefusedError: the file will not do.
        """
        with self._turn:
            self._running = False
            length = self._ask(messages.load(model), limit_s, (plan.encode(), memory))
            self._running = True
            went, _ = ANSWER.unpack_from(self._answer)
            if went != WELL:
                raise self._refusal(went, length)
            return cast("dict[str, str]", json.loads(self._words(length)))

    def run(self, request: bytes, limit_s: float) -> int:
        """Have it run a model; return the nanoseconds in the interpreter.

        Args:
            request: `messages.run` of the model.
            limit_s: it is killed when it has not answered by then.

        Raises:
            AcceleratorError: it died, or its interpreter refused.
        """
        with self._turn:
            length = self._ask(request, limit_s)
            went: int
            taken_ns: int
            went, taken_ns = ANSWER.unpack_from(self._answer)
            if went != WELL:
                raise self._refusal(went, length)
            return taken_ns

    def drop(self, model: int) -> None:
        """Have it free a model."""
        with self._turn:
            self._ask(messages.drop(model), GRACE_S)

    def end(self, cause: Cause, why: str, grace_s: float = 0.0) -> None:
        """End it: by itself within ``grace_s``, else by SIGKILL; whoever waits for it is told."""
        self._ending = Death(cause, why)
        if not grace_s:
            self._child.kill()
        with self._turn:
            self._bury(self._ending, grace_s)

    def error(self) -> AcceleratorError:
        """Return what to raise of its death."""
        assert self.death is not None
        return self._error(self.death.cause, self.death.why)

    def _error(self, cause: Cause, why: str) -> AcceleratorError:
        return AcceleratorError(f"engine {self.title!r}: {why}; {CURES[cause]}", cause=cause)

    def _ask(self, request: bytes, limit_s: float, more: tuple[bytes, int] | None = None) -> int:
        """Send a request; put the answer into its buffer, and return its length.

        Between a call and its answer the caches have gone cold: there is as little here as can be.
        """
        if limit_s != self._limit_s:
            self._wait_at_most(limit_s)
        try:
            self._send(request)
            if more:
                socket.send_fds(self._socket, [more[0]], [more[1]])
            length = self._receive_into(self._answer)
        except OSError as error:
            self._fail(error)
        except BaseException:
            # A Ctrl-C: its answer must not be taken for that of the next request.
            self._child.kill()
            raise
        if not length:
            self._fail(None)
        return length

    def _wait_at_most(self, limit_s: float) -> None:
        """Let the kernel keep the time limit: no other call is needed for it, call by call."""
        if self.death:
            raise self.error()
        whole_s = int(limit_s)
        # At least a microsecond: nothing would mean for ever.
        micros = max(1, int((limit_s - whole_s) * 1e6))
        self._socket.setsockopt(
            socket.SOL_SOCKET, socket.SO_RCVTIMEO, _TIMEVAL.pack(whole_s, micros)
        )
        self._limit_s = limit_s

    def _refusal(self, went: int, length: int) -> Exception:
        said = self._words(length)
        if went == BUNDLE:
            return BundleError(said)
        if went == REFUSED:
            return RuntimeRefusedError(said)
        if went == WRONG:
            return self._error("error", f"a run failed: {' '.join(said.split())[:300]}")
        cause, _, why = said.partition("\n")
        told = self._last_words()
        return self._error(of_words(cast("Cause", cause), [why, *told]), _with(why, told))

    def _words(self, length: int) -> str:
        return self._answer[ANSWER.size : length].decode(errors="replace")

    def _fail(self, error: OSError | None) -> NoReturn:
        """Bury a child that did not answer, and raise what became of it."""
        if isinstance(error, BlockingIOError):
            self._child.kill()
            self._bury(Death("hang", f"no answer within {self._limit_s:g} s, it was killed"))
        else:
            self._bury(self._ending)
        raise self.error()

    def _bury(self, death: Death | None, grace_s: float = 0.0) -> None:
        if self.death:
            return
        self._socket.close()
        # Its end of the sockets closes before it can be waited for: it is as good as dead.
        status = bury(self._child, grace_s if death else GRACE_S, GRACE_S)
        death = death or Death(*of_exit(status, self._running))
        told = [] if death.cause == "closed" else self._last_words()
        os.close(self._stderr)
        self.death = Death(death.cause, _with(death.why, told))

    def tidy_stderr(self) -> None:
        """Throw away what it has said so far when that is much; to be done now and then."""
        with self._turn:
            if self.death is None and os.fstat(self._stderr).st_size > _MAX_STDERR_BYTES:
                os.ftruncate(self._stderr, 0)

    def _last_words(self) -> list[str]:
        begin = max(0, os.fstat(self._stderr).st_size - 4096)
        return last_words(os.pread(self._stderr, 4096, begin))


def _with(why: str, told: list[str]) -> str:
    return f"{why} ({' | '.join(told)})" if told else why
