"""The child: holds the models of one device, and runs one when its parent says so.

``python -m edgeagent.engines.worker SOCKET PARENT TITLE``: the number of a socket it inherits, and
the process to whose thread it owes its life. It imports what running a model takes, no more:
starting it is most of what coming back to a device costs.
"""

import ctypes
import gc
import json
import os
import resource
import signal
import socket
import sys
import time

from edgeagent.engines.delegate import open_delegate
from edgeagent.engines.memory import Memory, Plan
from edgeagent.engines.messages import ANSWER, MAX_BYTES, REQUEST, Do, Went
from edgeagent.engines.tflite import Loaded, find_runtime
from edgeagent.errors import AcceleratorError, BundleError, RuntimeRefusedError

MAX_WORDS_BYTES = 1 << 20
"""Most that standard error may hold: past it, and in any other file, writing fails."""

_PR_SET_PDEATHSIG = 1
"""From linux/prctl.h."""


class Served:
    """A loaded model, with the memory it shares with the parent."""

    def __init__(self, plan: Plan, descriptor: int) -> None:
        runtime = find_runtime(plan.runtime)
        began_s = time.perf_counter()
        delegate, self._version = None, ""
        if plan.library:
            delegate, self._version = open_delegate(plan.library, plan.options, runtime)
        self._loaded = Loaded(plan, runtime, plan.threads, delegate)
        self._load_ms = (time.perf_counter() - began_s) * 1000
        self._memory = Memory(plan, descriptor)
        self._runtime = str(runtime)

    def facts(self) -> dict[str, str | float]:
        """Return what the parent wants to know of it."""
        return {"runtime": self._runtime, "version": self._version, "load_ms": self._load_ms}

    def run(self) -> int:
        """Run it from shared memory to shared memory; return its nanoseconds in the interpreter."""
        taken_ns = self._loaded.invoke(self._memory.input)
        self._loaded.write_outputs(self._memory.outputs)
        return taken_ns


def serve(parent: socket.socket) -> None:
    """Do what ``parent`` asks, until it is gone."""
    models: dict[int, Served] = {}
    request = bytearray(REQUEST.size)
    while parent.recv_into(request):
        what, model = REQUEST.unpack(request)
        if what == Do.RUN:
            answer = _run(models[model], model)
        elif what == Do.LOAD:
            answer = _load(models, model, parent)
        else:
            models.pop(model, None)
            answer = ANSWER.pack(Went.WELL, model, 0)
        parent.send(answer)


def _run(served: Served, model: int) -> bytes:
    try:
        return ANSWER.pack(Went.WELL, model, served.run())
    except (ValueError, RuntimeError) as error:
        return _refusal(Went.WRONG, model, error)


def _load(models: dict[int, Served], model: int, parent: socket.socket) -> bytes:
    said, descriptors, _, _ = socket.recv_fds(parent, MAX_BYTES, 1)
    try:
        models[model] = Served(Plan.decode(said), descriptors[0])
    except BundleError as error:
        return _refusal(Went.BUNDLE, model, error)
    except RuntimeRefusedError as error:
        return _refusal(Went.REFUSED, model, error)
    except AcceleratorError as error:
        return _refusal(Went.DEVICE, model, f"{error.cause}\n{error}")
    finally:
        os.close(descriptors[0])
    # What has been imported and loaded stays: the collector need not walk it again.
    gc.freeze()
    return ANSWER.pack(Went.WELL, model, 0) + json.dumps(models[model].facts()).encode()


def _refusal(went: Went, model: int, words: object) -> bytes:
    return ANSWER.pack(went, model, 0) + str(words).encode()[: MAX_BYTES - ANSWER.size]


def _owe_life_to(parent: int) -> None:
    """Die when the thread that started this process does, even in the middle of a call."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        # It was gone before it could be said.
        sys.exit(0)


def _keep_quiet() -> None:
    """Leave no core, write no file, and let the parent alone decide when to end."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_WORDS_BYTES, MAX_WORDS_BYTES))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def main() -> int:
    """Be the child."""
    _owe_life_to(int(sys.argv[2]))
    _keep_quiet()
    with socket.socket(fileno=int(sys.argv[1])) as parent:
        serve(parent)
    return 0


if __name__ == "__main__":
    sys.exit(main())
