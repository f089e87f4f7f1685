"""Settings from afar: which may be set, what is kept, and what no value can do."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeagent.bulletin import Bulletin, State
from edgeagent.cli import main
from edgeagent.clock import ManualClock
from edgeagent.config import CameraConfig, Config
from edgeagent.errors import ConfigError
from edgeagent.findings import Notice
from edgeagent.overlay import FILE, Overlay, applied, judge, read
from edgeagent.probation import TRIAL_S, Probation
from edgeagent.setting import Reload
from edgeagent.settings import every_setting

CONFIG = Config(camera=[CameraConfig(name="yard", source="synthetic")])
WELL = Bulletin(states={"camera.yard": State()})
ILL = Bulletin(states={"camera.yard": State("fault", "silent", "no frame", "see to it")})


class Agents:
    """Agents of one state folder, started one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, ManualClock()
        self.told: list[Notice] = []

    def start(self, ended: str) -> tuple[Probation, Config]:
        probation = Probation(CONFIG, None, self.folder, self.told.append, self.clock)
        return probation, probation.begin(ended)

    def heard(self) -> list[str]:
        return [notice.what for notice in self.told]


@pytest.fixture
def agents(tmp_path: Path) -> Agents:
    return Agents(tmp_path)


def test_only_live_settings_of_what_is_seen_and_said_may_be_set_from_afar() -> None:
    remote = [setting for setting in every_setting() if setting.remote]
    assert {setting.reload for setting in remote} == {Reload.LIVE}
    assert {setting.path.split(".")[0] for setting in remote} == {
        "motion",
        "model",
        "events",
        "health",
    }
    odd = ("file", "folder", "library", "device", "name", "stuck_s", "[")
    assert [s.path for s in remote if any(word in s.path for word in odd)] == []


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"mqtt.host": "evil.example"}, "mqtt.host: is no setting that may be set from afar"),
        ({"commands.allow": ["restart"]}, "commands.allow: is no setting that may be set"),
        ({"page.enabled": True}, "page.enabled: is no"),
        ({"camera[0].address": "/etc/shadow"}, "address: is no"),
        ({"events": {}}, "events: is no setting"),
        ({"events.__class__": 1}, "events.__class__: is no setting"),
        ({"": 1}, ": is no setting"),
        ({"events.treshold": 0.5}, "did you mean 'events.threshold'?"),
        ({"events.threshold": 7}, "events.threshold: 7 is not a number within 0.01 to 1"),
        ({"events.threshold": float("nan")}, "nan is not a number"),
        ({"events.threshold": "0.5"}, "'0.5' is not a number"),
        ({"motion.gate": 1}, "motion.gate: 1 is not true or false"),
        ({"events.labels": [7]}, "is not a list of texts"),
    ],
)
def test_what_may_not_be_set_is_refused(values: dict[str, object], fault: str) -> None:
    with pytest.raises(ConfigError) as refused:
        judge(CONFIG, values)
    assert fault in str(refused.value)


def test_all_faults_are_said_at_once_and_nothing_is_taken_over() -> None:
    with pytest.raises(ConfigError) as refused:
        judge(CONFIG, {"events.top": 0, "events.threshold": 0.5, "motion.min_cells": -1})
    assert len(refused.value.faults) == 2


def test_what_is_set_lies_over_the_file_and_goes_with_null(agents: Agents) -> None:
    probation, config = agents.start("none")
    values = {"events.threshold": 1, "motion.sensitivity": "high", "events.labels": ["person"]}
    assert {c.path for c in probation.judge(values)} == set(values)
    probation.try_(values, "order a1")
    config, _ = probation.read()
    assert (config.events.threshold, config.motion.factor) == (1.0, 1.5)
    assert isinstance(config.events.threshold, float)
    assert [c.path for c in probation.judge({"events.threshold": None})] == ["events.threshold"]
    probation.try_({"events.threshold": None}, "order a2")
    config, _ = probation.read()
    assert config.events.threshold == CONFIG.events.threshold
    assert config.events.labels == ["person"]


def test_what_the_agent_did_well_with_is_kept_for_good(agents: Agents) -> None:
    probation, _ = agents.start("none")
    probation.try_({"events.top": 3}, "order a1")
    probation.read()
    assert not probation.tick(lambda: WELL)
    agents.clock.advance(TRIAL_S - 1)
    assert not probation.tick(lambda: WELL)
    assert agents.heard() == []
    agents.clock.advance(2)
    assert not probation.tick(lambda: WELL)
    assert agents.heard() == ["kept"]
    _, config = agents.start("killed")
    assert config.events.top == 3
    assert agents.heard() == ["kept"]


def test_what_a_part_did_badly_with_is_taken_back(agents: Agents) -> None:
    probation, _ = agents.start("none")
    probation.try_({"events.top": 3}, "order a1")
    probation.read()
    probation.tick(lambda: WELL)
    agents.clock.advance(TRIAL_S + 1)
    assert probation.tick(lambda: ILL)
    assert probation.read()[0].events.top == CONFIG.events.top
    assert "camera.yard did badly" in agents.told[-1].why


def test_what_was_ill_before_is_no_reason_to_take_back(agents: Agents) -> None:
    probation, _ = agents.start("none")
    probation.try_({"events.top": 3}, "order a1")
    probation.read()
    probation.tick(lambda: ILL)
    agents.clock.advance(TRIAL_S + 1)
    assert not probation.tick(lambda: ILL)
    assert agents.heard() == ["kept"]


@pytest.mark.parametrize("ended", ["killed", "power"])
def test_what_an_agent_did_not_outlive_is_gone_at_the_next_start(
    ended: str, agents: Agents
) -> None:
    probation, _ = agents.start("none")
    probation.try_({"events.top": 3}, "order a1")
    _, config = agents.start(ended)
    assert config.events.top == CONFIG.events.top
    assert "order a1" in agents.told[0].why
    assert read(agents.folder).trial is None


def test_a_trial_goes_on_over_a_clean_stop(agents: Agents) -> None:
    probation, _ = agents.start("none")
    probation.try_({"events.top": 3}, "order a1")
    probation, config = agents.start("clean")
    assert config.events.top == 3
    agents.clock.advance(TRIAL_S + 1)
    probation.tick(lambda: WELL)
    assert agents.heard() == ["kept"]


def starts(begin: Callable[[str], Config], most: int) -> int:
    """Return how often an agent is started that dies of ``top = 3`` before one lives."""
    for number in range(1, most + 1):
        if begin("killed").events.top != 3:
            return number
    return most


def test_a_value_that_kills_the_agent_kills_it_once(agents: Agents) -> None:
    probation, _ = agents.start("none")
    probation.try_({"events.top": 3}, "order a1")
    assert starts(lambda ended: agents.start(ended)[1], 50) == 1


def test_an_overlay_without_a_trial_would_hold_it_in_a_loop(agents: Agents) -> None:
    probation, _ = agents.start("none")
    probation.try_({"events.top": 3}, "order a1")

    def naive(_: str) -> Config:
        return applied(CONFIG, read(agents.folder).now.values)[0]

    assert starts(naive, 50) == 50


def test_values_that_a_release_does_not_take_are_left_out_and_said(agents: Agents) -> None:
    values = {"events.top": 3, "events.threshold": 99, "gone.setting": 1}
    kept = {"good": {"values": values, "by": "order a1"}}
    (agents.folder / FILE).write_text(json.dumps(kept))
    _, config = agents.start("killed")
    assert (config.events.top, config.events.threshold) == (3, CONFIG.events.threshold)
    assert agents.heard() == ["ignored"]
    assert "gone.setting" in agents.told[0].why


def test_a_file_of_any_bytes_lets_the_agent_start(agents: Agents) -> None:
    chance = random.Random(7)
    whole = b'{"good":{"values":{"events.top":3},"by":"a"},"trial":{"values":{},"by":"b"}}'
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        (agents.folder / FILE).write_bytes(data[: chance.randrange(len(data) + 1)])
        _, config = agents.start(chance.choice(("clean", "killed")))
        assert 1 <= config.events.top <= 10


def test_a_disk_that_refuses_leaves_all_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.write_text("a file where the folder should be")
    overlay = Overlay(folder)
    with pytest.raises(OSError, match="exists"):
        overlay.try_({"events.top": 3}, "order a1")
    assert overlay.kept.now.values == {}


def test_check_says_which_file_set_each_value(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "edgeagent.toml"
    file.write_text('[[camera]]\nsource = "synthetic"\n[events]\ntop = 2\nmin_hits = 3\n')
    Overlay(tmp_path).try_({"events.top": 4, "events.gone_s": 9000}, "order a1")
    assert main(["check", str(file), "--state", str(tmp_path)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert f"events.top = 4  # {tmp_path / FILE}: order a1" in told
    assert f"events.min_hits = 3  # {file}:5" in told
    assert "events.gone_s = 2.0" in told
    assert told[-1].startswith(f"# not in force, {tmp_path / FILE}: events.gone_s: 9000 is not")
