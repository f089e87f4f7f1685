"""How a life ends: cleanly, by a fault of ours, by a part that gives up."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edgeagent import event
from edgeagent.clock import SystemClock
from edgeagent.config import CameraConfig, Config, ModelConfig, OutboxConfig, PageConfig
from edgeagent.control import asked
from edgeagent.errors import EdgeagentError, OutboxError
from edgeagent.identity import begin_boot
from edgeagent.outbox import Outbox
from edgeagent.page.token_file import read_token_text
from edgeagent.supervisor import Supervisor

CAMERA = CameraConfig(name="yard", source="synthetic", width=320, height=240)
CONFIG = Config(camera=[CAMERA], model=ModelConfig(name=""))


class BrokenForLookers(SystemClock):
    """A clock that fails whoever looks: a fault in the middle of the river."""

    def mono_s(self) -> float:
        if threading.current_thread().name == "camera-yard":
            raise ZeroDivisionError
        return super().mono_s()


def test_a_fault_of_our_own_ends_the_process_with_70_for_systemd_to_start_anew(
    tmp_path: Path,
) -> None:
    with pytest.raises(EdgeagentError, match="fault in edgeagent itself: ZeroDivisionError"):
        Supervisor(CONFIG, None, tmp_path, BrokenForLookers()).run()
    assert EdgeagentError.exit_status == 70
    assert begin_boot(tmp_path, "other").ended == "power"


def test_two_agents_do_not_share_an_outbox(tmp_path: Path) -> None:
    first = Supervisor(CONFIG, None, tmp_path, SystemClock())
    thread = threading.Thread(target=first.run)
    thread.start()
    while not (tmp_path / "outbox" / "ledger").exists():
        time.sleep(0.01)
    with pytest.raises(OutboxError, match="another edgeagent uses this outbox"):
        Supervisor(CONFIG, None, tmp_path, SystemClock()).run()
    first.stop()
    thread.join(10)
    assert not thread.is_alive()


def test_a_life_that_is_asked_to_end_ends_cleanly_and_leaves_no_thread(tmp_path: Path) -> None:
    supervisor = Supervisor(CONFIG, None, tmp_path, SystemClock())
    timer = threading.Timer(1.0, supervisor.stop)
    timer.start()
    assert supervisor.run() == 0
    assert begin_boot(tmp_path, "other").ended == "clean"
    mine = ("camera-", "publisher", "link")
    assert [t.name for t in threading.enumerate() if t.name.startswith(mine)] == []


def test_when_every_film_has_ended_so_has_the_agent(tmp_path: Path) -> None:
    folder = Path(__file__).parent.parent / "edgeagent" / "clips"
    film = CameraConfig(name="film", address=str(folder / "cockatoo.mp4"), fps=1)
    config = Config(camera=[film], model=ModelConfig(name=""))
    began_s = time.monotonic()
    assert Supervisor(config, None, tmp_path, SystemClock()).run() == 0
    assert 10.0 < time.monotonic() - began_s < 30.0


def test_a_page_that_cannot_be_served_is_a_warning_and_never_the_end(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        page = PageConfig(enabled=True, port=taken.getsockname()[1])
        config = msgspec.structs.replace(CONFIG, page=page)
        supervisor = Supervisor(config, None, tmp_path, SystemClock())
        thread = threading.Thread(target=supervisor.run)
        thread.start()
        while "page" not in supervisor.health.snapshot().states:
            time.sleep(0.01)
        frames = supervisor.health.counted("frames_total.yard")
        while supervisor.health.counted("frames_total.yard") < frames + 5:
            time.sleep(0.01)
        with asked(tmp_path, {"do": "status"}) as told:
            assert told is not None
            assert told["states"]["page"]["level"] == "warning"
            assert told["states"]["page"]["cure"] == "see page.address and page.port"
        supervisor.stop()
        thread.join(20)
    assert not thread.is_alive()
    assert [t.name for t in threading.enumerate() if t.name == "page"] == []


def test_a_page_shows_what_the_agents_cameras_see(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    config = msgspec.structs.replace(CONFIG, page=PageConfig(enabled=True, port=port))
    supervisor = Supervisor(config, None, tmp_path, SystemClock())
    thread = threading.Thread(target=supervisor.run)
    thread.start()
    try:
        while not (tmp_path / "page-token").exists():
            time.sleep(0.01)
        token = read_token_text(tmp_path / "page-token")
        told = _first_told(port, token)
        assert told["live"]["yard"]["aspect"] == pytest.approx(320 / 240, abs=0.01)
        assert told["state"]["cameras"]["yard"]["frames"] > 0
        assert any("the agent started" in one["text"] for one in told["events"])
    finally:
        supervisor.stop()
        thread.join(20)
    assert not thread.is_alive()


def _first_told(port: int, token: str) -> dict[str, Any]:
    """Return the newest of each kind, once something has moved in the yard."""
    told: dict[str, Any] = {}
    with _watching(port, token) as answer:
        while not (told.get("live", {}).get("yard", {}).get("grid") and told["state"]):
            kind = answer.readline().decode().strip().removeprefix("event: ")
            told[kind] = json.loads(answer.readline().decode().removeprefix("data: "))
            assert answer.readline() == b"\n"
    return told


@contextmanager
def _watching(port: int, token: str) -> Iterator[http.client.HTTPResponse]:
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request("GET", "/events", headers={"Authorization": f"Bearer {token}"})
            break
        except ConnectionRefusedError:
            time.sleep(0.05)
    answer = connection.getresponse()
    assert answer.status == 200
    with answer:
        yield answer
    connection.close()


def test_a_start_tells_the_last_seq_of_the_latest_boot_that_stored_anything(tmp_path: Path) -> None:
    def box(name: str) -> Outbox:
        return Outbox.open(tmp_path / "outbox", name, OutboxConfig(), lambda _: None)

    first = begin_boot(tmp_path, "kernel01")
    drained = box(first.name)
    for _ in range(3):
        drained.put("object", b"")
    drained.ack(drained.peek(drained.cursors()[1], 9))
    drained.close()
    box(begin_boot(tmp_path, "kernel01").name).close()
    supervisor = Supervisor(CONFIG, None, tmp_path, SystemClock())
    supervisor.stop()
    assert supervisor.run() == 0
    left = box("9-99999999")
    start = left.peek(left.cursors()[1], 9)[0]
    left.close()
    assert event.decode(start.record).previous == (first.name, 2, "power")
