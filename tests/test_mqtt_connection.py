"""What a connection leaves behind when it is over."""

import gc
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeagent.config import MqttConfig
from edgeagent.mqtt.client import Words
from edgeagent.mqtt.connection import Connection

WORDS = Words("edge/v1/home/door", "0123456789abcdef", status=lambda _: b"{}", info=lambda: b"{}")


@pytest.fixture
def uncollected() -> Iterator[None]:
    """No garbage collector comes by, as none may for days in a process at rest."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def fail_to_connect(port: int) -> str:
    config = MqttConfig(host="127.0.0.1", port=port, tls=False)
    connection = Connection(config, WORDS, lambda: None)
    assert connection.settled.wait(20)
    connection.drop()
    return connection.why


def test_a_connection_that_failed_leaves_no_file_open(uncollected: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    before = files()
    assert "refused" in fail_to_connect(port)
    fail_to_connect(port)
    # The client's thread may outlive `drop` by a moment.
    end_s = time.monotonic() + 20
    while files() > before and time.monotonic() < end_s:
        time.sleep(0.05)
    assert files() <= before
