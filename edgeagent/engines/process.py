"""A child process that holds models: started, asked one thing at a time, ended without a trace."""

import json
import os
import socket
import struct
from dataclasses import dataclass
from typing import NoReturn, cast

from edgeagent.engines import Turnstile
from edgeagent.engines.causes import CURES, last_words, of_exit, of_words
from edgeagent.engines.memory import Plan
from edgeagent.engines.messages import ANSWER, MAX_BYTES, REQUEST, Do, Went
from edgeagent.engines.spawning import bury, open_words, start
from edgeagent.errors import AcceleratorError, BundleError, Cause, RuntimeRefusedError

GRACE_S = 1.0
"""How long a child may take to end by itself, and after SIGKILL until it is waited for no more."""

_MAX_WORDS_BYTES = 1 << 18
_LOOK_AT_WORDS_EVERY = 1024
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
        self._turn = Turnstile()
        self._running = False
        self._limit_s = 0.0
        self._asked = 0
        self._answer = bytearray(MAX_BYTES)
        self._ending: Death | None = None
        self._words = open_words()
        try:
            self._child, self._socket = start(title, self._words)
        except BaseException:
            os.close(self._words)
            raise

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._child.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.death is None and self._child.poll() is None

    def load(self, model: int, plan: Plan, memory: int, limit_s: float) -> dict[str, str | float]:
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
            self._send_plan(model, plan, memory)
            went, _, words = self._receive(limit_s)
            self._running = True
            if went is Went.WELL:
                return cast("dict[str, str | float]", json.loads(words))
            raise self._refusal(went, words)

    def run(self, model: int, limit_s: float) -> int:
        """Have it run a model; return the nanoseconds in the interpreter.

        Raises:
            AcceleratorError: it died, was killed past ``limit_s``, or its interpreter refused.
        """
        with self._turn:
            self._send(Do.RUN, model)
            went, taken_ns, words = self._receive(limit_s)
            if went is not Went.WELL:
                raise self._refusal(went, words)
            return taken_ns

    def drop(self, model: int) -> None:
        """Have it free a model."""
        with self._turn:
            self._send(Do.DROP, model)
            self._receive(GRACE_S)

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

    def _send(self, what: Do, model: int) -> None:
        if self.death:
            raise self.error()
        self._tidy_words()
        try:
            self._socket.send(REQUEST.pack(what, model))
        except OSError:
            self._fail()

    def _send_plan(self, model: int, plan: Plan, memory: int) -> None:
        self._send(Do.LOAD, model)
        try:
            socket.send_fds(self._socket, [plan.encode()], [memory])
        except OSError:
            self._fail()

    def _receive(self, limit_s: float) -> tuple[Went, int, bytes]:
        self._wait_at_most(limit_s)
        try:
            length = self._socket.recv_into(self._answer)
        except BlockingIOError:
            self._child.kill()
            self._bury(Death("hang", f"no answer within {limit_s:g} s, it was killed"))
            raise self.error() from None
        except OSError:
            length = 0
        if not length:
            self._fail()
        went, _, taken_ns = ANSWER.unpack_from(self._answer)
        return Went(went), taken_ns, bytes(self._answer[ANSWER.size : length])

    def _wait_at_most(self, limit_s: float) -> None:
        """Let the kernel keep the time limit: no other call is needed for it, call by call."""
        if limit_s == self._limit_s:
            return
        whole_s = int(limit_s)
        # At least a microsecond: nothing would mean for ever.
        micros = max(1, int((limit_s - whole_s) * 1e6))
        self._socket.setsockopt(
            socket.SOL_SOCKET, socket.SO_RCVTIMEO, _TIMEVAL.pack(whole_s, micros)
        )
        self._limit_s = limit_s

    def _refusal(self, went: Went, words: bytes) -> Exception:
        said = words.decode(errors="replace")
        if went is Went.BUNDLE:
            return BundleError(said)
        if went is Went.REFUSED:
            return RuntimeRefusedError(said)
        if went is Went.WRONG:
            return self._error(
                "error", f"the interpreter did not run: {said.partition(chr(10))[0]}"
            )
        cause, _, why = said.partition("\n")
        told = self._last_words()
        return self._error(of_words(cast("Cause", cause), [why, *told]), _with(why, told))

    def _fail(self) -> NoReturn:
        """Bury a child that ended unasked, and raise what it died of."""
        self._bury(self._ending)
        raise self.error()

    def _bury(self, death: Death | None, grace_s: float = 0.0) -> None:
        if self.death:
            return
        self._socket.close()
        unasked = death is None
        # Its end of the sockets closes before it can be waited for: it is as good as dead.
        status = bury(self._child, GRACE_S if unasked else grace_s, GRACE_S)
        death = death or Death(*of_exit(status, self._running))
        told = self._last_words()
        os.close(self._words)
        self.death = Death(death.cause, _with(death.why, told) if unasked else death.why)

    def _tidy_words(self) -> None:
        self._asked += 1
        if self._asked % _LOOK_AT_WORDS_EVERY:
            return
        if os.fstat(self._words).st_size > _MAX_WORDS_BYTES:
            os.ftruncate(self._words, 0)

    def _last_words(self) -> list[str]:
        begin = max(0, os.fstat(self._words).st_size - 4096)
        return last_words(os.pread(self._words, 4096, begin))


def _with(why: str, told: list[str]) -> str:
    return f"{why} ({' | '.join(told)})" if told else why
