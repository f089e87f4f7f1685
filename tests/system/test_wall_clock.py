"""The whole agent with a wall clock that is not set, set later, and set wrong in mid-run."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgeagent.supervisor import TICK_S

from .authority import Authority, missing
from .conftest import Broker, Brokers, Ear, free_port, until
from .test_run import LIVELY, Running
from .test_tls import serve
from .wall_clock import Systemd, WallClock, library

IN_1970 = "@1970-01-01 00:00:30"
FLAGGED = LIVELY.replace("[health]", '[clock]\nflag = "{flag}"\n[health]')
TLS = FLAGGED.replace("tls = false", 'ca_file = "{ca}"')
FAR_MS = 3_600_000
"""Further off than the machine's load can make an event, nearer than a day."""
NEAR_MS = 5000
"""Less than the smaller jumps; a frame is stamped by when it was taken, however late it is seen."""
PATIENCE_S = 60.0


@pytest.fixture
def wall(tmp_path: Path) -> WallClock:
    if library() is None:
        pytest.skip("needs libfaketime: sudo apt install faketime")
    return WallClock(tmp_path, IN_1970)


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    systemd = Systemd(tmp_path)
    yield systemd
    systemd.close()


@pytest.fixture
def agent(tmp_path: Path, wall: WallClock, systemd: Systemd) -> Iterator[Running]:
    running = Running(tmp_path)
    yield running
    if running.process is not None:
        running.end(signal.SIGKILL)


def start(agent: Running, wall: WallClock, systemd: Systemd, text: str, **more: object) -> None:
    agent.settings.write_text(text.format(flag=wall.flag, more="", **more))
    agent.start(NOTIFY_SOCKET=str(systemd.address), **wall.environment)


def told(ear: Ear) -> list[dict[str, Any]]:
    """Return all events but copies, in the order of their seq."""
    events = [*ear.said("/sys"), *ear.said("/evt/yard")]
    return [by[1] for by in sorted({m["seq"]: m for m in events}.items())]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def notices(ear: Ear) -> list[dict[str, Any]]:
    return [m for m in told(ear) if m["k"].startswith("clock_")]


def seen_since(notice: dict[str, Any], ear: Ear, systemd: Systemd) -> list[dict[str, Any]]:
    """Wait for pings, and for what the camera saw after ``notice``; return the latter."""
    pings = len(systemd.pings_s)

    def seen() -> list[dict[str, Any]]:
        return [m for m in told(ear) if m["seq"] > notice["seq"] and "cam" in m]

    assert until(lambda: len(systemd.pings_s) >= pings + 3, PATIENCE_S)
    assert until(lambda: len(seen()) >= 2, PATIENCE_S)
    # The first may have been stamped before the notice was, and stored after it.
    return seen()[1:]


def are_right(events: list[dict[str, Any]], since_ms: int) -> bool:
    """Return whether their times lie between ``since_ms`` and now, as they were stamped."""
    return all(since_ms - NEAR_MS < m["ts"] < now_ms() + NEAR_MS for m in events)


def test_a_clock_that_jumps_moves_no_event_no_wait_and_no_watchdog(
    agent: Running, wall: WallClock, systemd: Systemd, broker: Broker, ear: Ear
) -> None:
    begun_s = time.monotonic()
    start(agent, wall, systemd, FLAGGED, port=broker.port)
    assert until(lambda: told(ear), PATIENCE_S)
    without = seen_since(told(ear)[0], ear, systemd)
    assert {m["tsq"] for m in without} == {0}
    assert all(m["ts"] < FAR_MS and m["mono"] > 0 and m["kb"] for m in without)

    wall.serve()
    for count, jump in enumerate(("", "+1d", "-1d", "+10", "-10"), start=1):
        begun_ms = now_ms()
        if jump:
            wall.set(jump)
        if jump == "-1d":
            broker.kill()
            broker.start()
        assert until(lambda n=count: len(notices(ear)) == n, PATIENCE_S)  # type: ignore[misc]
        seen = seen_since(notices(ear)[-1], ear, systemd)
        assert {m["tsq"] for m in seen} == {2 if jump else 1}, jump
        assert are_right(seen, begun_ms), jump

    events = told(ear)
    assert agent.end() == 0
    kinds = [m["k"] for m in events if "cam" not in m]
    assert kinds.count("start") == 1
    assert kinds.count("link_lost") == kinds.count("link_back") == 1
    assert kinds.count("clock_set") == kinds.count("clock_lost") == 1
    assert kinds.count("clock_stepped") == 3
    assert {kind for kind in kinds if kind.startswith(("camera", "engine", "tpu"))} == set()
    assert {m["k"] for m in events if "cam" in m} == {"motion"}
    # No more of them than there was time for, whatever the wall clock did.
    assert len(systemd.pings_s) <= (time.monotonic() - begun_s) / TICK_S + 3


def test_in_1970_no_certificate_is_valid_and_nothing_is_lost_until_the_clock_is_set(
    agent: Running, wall: WallClock, systemd: Systemd, brokers: Brokers, tmp_path: Path
) -> None:
    if missing():
        pytest.skip(missing())
    authority = Authority(tmp_path / "authority")
    door = free_port()
    # A subscriber here knows no TLS: there is a second door for it.
    broker = serve(brokers, authority.sign("broker"), f"listener {door} 127.0.0.1\n")
    ear = Ear(door)
    begun_ms = now_ms()
    start(agent, wall, systemd, TLS, port=broker.port, ca=authority.ca)
    why = "is not valid yet; is this device's clock right (1970-01-01)?"
    assert until(lambda: why in agent.said(), PATIENCE_S)
    assert until(lambda: len(systemd.pings_s) >= 12, PATIENCE_S)
    wall.serve()
    assert until(lambda: "link_back" in [m["k"] for m in told(ear)], PATIENCE_S)
    assert until(lambda: told(ear)[0]["seq"] == 0, PATIENCE_S)
    assert agent.end() == 0
    assert until(lambda: [m["s"] for m in ear.said("/status")] == ["online", "stopped"])
    events = told(ear)
    assert [m["seq"] for m in events] == list(range(len(events)))
    assert are_right(events, begun_ms)
    assert {m["tsq"] for m in events} == {1, 2}
    mended = {m["k"] for m in events if m["tsq"] == 2}
    assert mended >= {"start", "motion", "link_lost"}
    ear.close()
