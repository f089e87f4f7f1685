"""What the agent counts, who is stuck, and what systemd is told of it."""

import socket
import threading
from pathlib import Path

from edgeagent.health import Health
from edgeagent.watchdog import Notifier, Watchdog


def test_counts_from_many_threads_are_all_there() -> None:
    health = Health()

    def count() -> None:
        for _ in range(5000):
            health.count("x_total")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert health.snapshot().counters == {"x_total": 20000}


def test_a_snapshot_does_not_change_any_more() -> None:
    health = Health()
    health.fault("engine", "gone")
    before = health.snapshot()
    health.well("engine")
    health.gauge("depth", 3)
    assert (before.states, health.snapshot().states) == ({"engine": "gone"}, {})
    assert before.gauges == {}


def test_only_what_is_busy_for_too_long_is_stuck() -> None:
    health = Health()
    health.busy("a", 10.0)
    health.busy("b", 10.0)
    health.rests("b")
    assert health.stuck(40.0, 30.0) == []
    assert health.stuck(40.1, 30.0) == ["a"]
    health.busy("a", 40.0)
    assert health.stuck(41.0, 30.0) == []


def heard(listener: socket.socket) -> list[str]:
    listener.setblocking(False)
    said = []
    try:
        while True:
            said.append(listener.recv(4096).decode())
    except BlockingIOError:
        return said


def test_systemd_is_fed_until_a_part_is_stuck_and_told_why(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address)
        health, notifier = Health(), Notifier(address)
        watchdog = Watchdog(notifier, health, stuck_s=30.0)
        health.busy("camera door", 0.0)
        assert watchdog.feed(1.0) == []
        assert heard(listener) == ["WATCHDOG=1", "STATUS=watching"]
        assert watchdog.feed(31.0) == ["camera door"]
        (status,) = heard(listener)
        assert status == "STATUS=camera door: busy with one thing for more than 30 s"
        health.rests("camera door")
        watchdog.feed(32.0)
        assert heard(listener) == ["WATCHDOG=1", "STATUS=watching"]
        notifier.close()


def test_without_systemd_nothing_is_sent() -> None:
    notifier = Notifier("")
    notifier.tell("READY=1")
    notifier.close()


def test_a_systemd_that_does_not_listen_is_not_our_fault(tmp_path: Path) -> None:
    notifier = Notifier(str(tmp_path / "nobody"))
    notifier.tell("READY=1")
    notifier.close()
