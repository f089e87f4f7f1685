"""A bench beside a running agent: what the agent holds is left to it, and it is asked instead."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.edgetpu_sim.simulator import Simulator

from .conftest import until
from .test_run import EDGEAGENT
from .test_tpu import Agent, bundles  # noqa: F401  a fixture


@pytest.fixture
def agent(tmp_path: Path, bundles: Path, edgetpu: Simulator) -> Iterator[Agent]:  # noqa: F811
    edgetpu.plug()
    agent = Agent(tmp_path, bundles, edgetpu, 'device = "usb"')
    # As that of whoever types the command below.
    (tmp_path / "edgeagent").symlink_to(tmp_path / "state")
    assert until(lambda: agent.answers("sim") > 40, 60)
    yield agent
    agent.end()


def bench(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "XDG_STATE_HOME": str(folder)}
    command = [*EDGEAGENT, "bench", *words]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=110, env=environment
    )


def report(told: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    assert told.returncode == 0, told.stderr
    return dict(json.loads(told.stdout))


def test_what_the_agent_holds_is_refused_and_all_else_may_be_measured(
    agent: Agent, tmp_path: Path
) -> None:
    settings = "--config", str(agent.file), "--no-history", "--json"
    held = bench(tmp_path, *settings, "--runs", "3")
    assert held.returncode == 69
    assert f"(process {os.getpid()}): stop it first" in held.stderr
    assert "Edge TPU usb is held by an edgeagent" in held.stderr
    assert "edgeagent bench --live" in held.stderr
    shared = report(bench(tmp_path, *settings, "--runs", "3", "--device", "cpu"))
    assert shared["engine"] == "cpu"
    assert any("the machine was shared" in note for note in shared["notes"])
    live = report(bench(tmp_path, "--live", "--json", "--max-p90", "60s"))
    assert (live["scenario"], live["engine"], live["simulated"]) == ("live", "sim", True)
    assert live["stages"]["invoke"]["n"] > 40
    assert live["verdicts"][0]["status"] == 0
    assert agent.told == []


def test_without_an_agent_nothing_is_refused_and_none_is_asked(tmp_path: Path) -> None:
    told = bench(tmp_path, "--live")
    assert (told.returncode, "no agent runs here" in told.stderr) == (69, True)
    odd = bench(tmp_path, "--live", "--runs", "3")
    assert (odd.returncode, "--runs is not for it" in odd.stderr) == (64, True)
    none = bench(tmp_path, "--device", "gpu")
    assert (none.returncode, "--device gpu: see [model] device" in none.stderr) == (64, True)
