"""A pause as it is typed and as it is ordered, through a real broker and a kill -9."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import Broker, Ear, until
from .test_commands import Boss, lasting, run
from .test_run import EDGEAGENT, LIVELY, Running

SETTINGS = LIVELY + '[commands]\nallow = ["pause", "resume"]\n[clock]\nflag = "{folder}/set"\n'


@pytest.fixture
def agent(tmp_path: Path, broker: Broker) -> Iterator[Running]:
    running = Running(tmp_path)
    running.write(broker.port, text=SETTINGS.replace("{folder}", str(tmp_path)))
    (tmp_path / "set").touch()
    running.start()
    yield running
    if running.process is not None:
        running.end(signal.SIGKILL)


def typed(agent: Running, *words: str) -> "subprocess.CompletedProcess[str]":
    return run([*EDGEAGENT, *words, "--state", str(agent.folder / "state")])


def status(agent: Running) -> dict[str, Any]:
    told = typed(agent, "status", "--json")
    return dict(json.loads(told.stdout)) if told.returncode == 0 else {}


def test_a_pause_outlives_a_kill_and_ends_by_word(agent: Running, broker: Broker, ear: Ear) -> None:
    assert until(lambda: ear.said("/evt/yard"), 60)
    told = typed(agent, "pause", "yard", "--for", "8h")
    assert told.stdout.startswith("yard: paused until 20"), told.stderr
    assert agent.process is not None
    agent.end(signal.SIGKILL)
    agent.start()
    assert until(lambda: status(agent).get("cameras") == {"yard": "paused"}, 60)
    paused = status(agent)["paused"]["yard"]
    assert (paused["by"], paused["why"]) == ("local", "by somebody at the device")
    assert "paused       yard: by somebody at the device, until 20" in typed(agent, "status").stdout
    assert until(lambda: [s for s in ear.said("/stat") if s["g"].get("paused.yard") == 1])
    boss = Boss(broker.port, "5")
    boss.order("edge/v1/home/pi/cmd/resume", lasting(id="a1"))
    assert until(lambda: boss.answers("/res/resume"))
    assert boss.answers("/res/resume")[0]["cams"]["yard"]["s"] == "paused"
    assert typed(agent, "resume").stdout == "yard: watched\n"
    before = len(ear.said("/evt/yard"))
    boss.order("edge/v1/home/pi/cmd/pause", lasting(id="a2", camera="yard"))
    assert until(lambda: boss.answers("/res/pause"))
    assert boss.answers("/res/pause")[0]["cams"] == {"yard": {"s": "paused"}}
    boss.order("edge/v1/home/pi/cmd/resume", lasting(id="a3", camera="yard"))
    assert until(lambda: len(ear.said("/evt/yard")) > before)
    notices = {(m["seq"], m["boot"]): m for m in ear.said("/sys") if m["k"].startswith("camera")}
    kinds = [m["k"] for m in sorted(notices.values(), key=lambda m: m["ts"])]
    said = "paused", "paused", "resumed", "paused", "resumed"
    assert kinds == [f"camera_{what}" for what in said]
    assert {m["cam"] for m in notices.values()} == {"yard"}
    boss.close()
    assert agent.end() == 0


def test_a_time_that_is_none_is_refused_at_once(tmp_path: Path) -> None:
    told = run([*EDGEAGENT, "pause", "--for", "10", "--state", str(tmp_path)])
    assert (told.returncode, "write 90s, 10m, 8h or 2d" in told.stderr) == (2, True)


def test_where_no_agent_runs_nothing_is_paused(tmp_path: Path) -> None:
    told = run([*EDGEAGENT, "pause", "--state", str(tmp_path)])
    assert (told.returncode, "no agent runs here" in told.stderr) == (69, True)
