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
from collections.abc import Callable

from edgeagent.engines import messages
from edgeagent.engines.delegate import open_delegate
from edgeagent.engines.memory import Memory, Plan
from edgeagent.engines.messages import ANSWER, BUNDLE, DEVICE, MAX_BYTES, REFUSED, WELL, WRONG
from edgeagent.engines.tflite import Loaded, find_runtime
from edgeagent.errors import AcceleratorError, BundleError, RuntimeRefusedError

MAX_WORDS_BYTES = 1 << 20
"""Most that standard error may hold: past it, and in any other file, writing fails."""

_PR_SET_PDEATHSIG = 1
"""From linux/prctl.h."""


class Child:
    """Does what its parent asks, until the parent is gone."""

    def __init__(self, parent: socket.socket) -> None:
        self._parent = parent
        self._runs: dict[bytes, Callable[[], int]] = {}
        """Request to what answers it: a run looks nothing else up."""

    def serve(self) -> None:
        """Answer requests until there will be no more."""
        receive, send, runs = self._parent.recv, self._parent.send, self._runs
        while request := receive(64):
            run = runs.get(request)
            if run is None:
                send(self._prepare(request))
                continue
            try:
                answer = ANSWER.pack(WELL, run())
            except (ValueError, RuntimeError) as error:
                answer = _refusal(WRONG, error)
            send(answer)

    def _prepare(self, request: bytes) -> bytes:
        what, model = messages.parse(request)
        if what == b"l":
            return self._load(model)
        self._runs.pop(messages.run(model), None)
        return ANSWER.pack(WELL, 0)

    def _load(self, model: int) -> bytes:
        said, descriptors, _, _ = socket.recv_fds(self._parent, MAX_BYTES, 1)
        try:
            run, facts = _loaded(Plan.decode(said), descriptors[0])
        except BundleError as error:
            return _refusal(BUNDLE, error)
        except RuntimeRefusedError as error:
            return _refusal(REFUSED, error)
        except AcceleratorError as error:
            return _refusal(DEVICE, f"{error.cause}\n{error}")
        finally:
            os.close(descriptors[0])
        self._runs[messages.run(model)] = run
        # What has been imported and loaded stays: the collector need not walk it again.
        gc.freeze()
        return ANSWER.pack(WELL, 0) + json.dumps(facts).encode()


def _loaded(plan: Plan, descriptor: int) -> tuple[Callable[[], int], dict[str, str]]:
    """Return what runs the model, from shared memory to shared memory, and facts about it."""
    runtime = find_runtime(plan.runtime)
    delegate, version = None, ""
    if plan.library:
        delegate, version = open_delegate(plan.library, plan.options, runtime)
    memory = Memory(plan, descriptor)
    loaded = Loaded(plan, runtime, plan.threads, delegate)
    return loaded.bind(memory.input, memory.outputs), {"runtime": str(runtime), "version": version}


def _refusal(went: int, words: object) -> bytes:
    return ANSWER.pack(went, 0) + str(words).encode()[: MAX_BYTES - ANSWER.size]


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
        Child(parent).serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
