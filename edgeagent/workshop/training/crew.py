"""Several processes on this machine that train together: begun, watched, and ended together."""

import json
import os
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack

LOOK_S = 0.2
GRACE_S = 5.0
"""How long the others have when one has failed: what failed it they may be about to tell."""

CONFIG = "TF_CONFIG"
"""Where TensorFlow reads who works together; set by hand, it joins several machines."""


def run(command: Sequence[str], count: int, grace_s: float = GRACE_S) -> int:
    """Run ``command`` as ``count`` workers; the first one's output is shown.

    Returns:
        0, or the status of the first that failed; the others are ended, for they would wait.
    """
    addresses = [f"127.0.0.1:{port}" for port in _free_ports(count)]
    workers = [_begin(command, addresses, index) for index in range(count)]
    try:
        while (status := _status(workers)) is None:
            time.sleep(LOOK_S)
        return status
    finally:
        for worker in workers:
            _end(worker, grace_s)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        doors = [held.enter_context(socket.socket()) for _ in range(count)]
        for door in doors:
            door.bind(("127.0.0.1", 0))
        return [door.getsockname()[1] for door in doors]


def _begin(
    command: Sequence[str], addresses: Sequence[str], index: int
) -> "subprocess.Popen[bytes]":
    told = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
    environment = {**os.environ, CONFIG: json.dumps(told)}
    out = None if index == 0 else subprocess.DEVNULL
    return subprocess.Popen(command, env=environment, stdout=out, stderr=out)  # noqa: S603


def _status(workers: "Sequence[subprocess.Popen[bytes]]") -> int | None:
    """Return 0 when all are done, the status of one that failed, None while they work."""
    states = [worker.poll() for worker in workers]
    failed = [state for state in states if state]
    if failed:
        return failed[0] if failed[0] > 0 else 128 - failed[0]
    return None if None in states else 0


def _end(worker: "subprocess.Popen[bytes]", grace_s: float) -> None:
    """Wait, ask, and make it end."""
    for urge in (None, worker.terminate, worker.kill):
        if urge is not None:
            urge()
        try:
            worker.wait(grace_s)
        except subprocess.TimeoutExpired:
            continue
        return
