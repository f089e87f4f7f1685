"""How a life ends: cleanly, by a fault of ours, by a part that gives up."""

import threading
import time
from pathlib import Path

import pytest

from edgeagent.clock import SystemClock
from edgeagent.config import CameraConfig, Config, ModelConfig
from edgeagent.errors import EdgeagentError, OutboxError
from edgeagent.identity import begin_boot
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
