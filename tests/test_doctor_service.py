"""The unit as systemctl tells it, the agent's own word, the journal."""

from pathlib import Path
from typing import Any

import pytest

from edgeagent import __version__
from edgeagent.doctor import Line
from edgeagent.doctor.case import Host
from edgeagent.doctor.service import checks
from edgeagent.doctor.unit import read_unit

from .doctor_cases import case, looked, machine, named, says

GOOD = {
    "LoadState": "loaded",
    "ActiveState": "active",
    "SubState": "running",
    "UnitFileState": "enabled",
    "Result": "success",
    "Type": "notify",
    "NRestarts": "0",
    "WatchdogUSec": "1min",
    "ExecMainCode": "0",
    "ExecMainStatus": "0",
    "ActiveEnterTimestampMonotonic": "60000000",
    "User": "edgeagent",
    "NeedDaemonReload": "no",
}
AGENT: dict[str, Any] = {
    "version": __version__,
    "up_s": 3700.0,
    "cameras": {"door": "watched"},
    "counters": {"frames_total.door": 1234},
    "faults": {},
    "outbox": {"pending": 3, "bytes": 600},
    "link": True,
}


def systemd(**other: str) -> Host:
    told = {**GOOD, **other}
    return says({"systemctl": "\n".join(f"{key}={value}" for key, value in told.items())})


def lines(tmp_path: Path, host: Host, agent: dict[str, Any] | None = AGENT) -> list[Line]:
    return looked(checks(case(tmp_path, host=host, agent=agent)))


def test_a_unit_that_runs_is_one_good_line(tmp_path: Path) -> None:
    machine(tmp_path, {"proc/uptime": "3660.5 100.0"})
    host = Host(tmp_path, systemd().ask)
    unit = named(lines(tmp_path, host), "unit")
    assert unit.level == "ok"
    assert unit.what == "active for 1 h 0 min, enabled, Type=notify, watchdog 60 s"


def test_no_unit_and_no_agent_is_a_fault_that_says_how_to_install(tmp_path: Path) -> None:
    unit = named(lines(tmp_path, systemd(LoadState="not-found"), None), "unit")
    assert (unit.level, unit.status) == ("fault", 69)
    assert unit.what == "no unit edgeagent is installed (not-found)"
    assert unit.cures == ("sudo scripts/install, from a clone or a wheelhouse",)


def test_without_a_unit_an_agent_that_runs_is_only_warned_of(tmp_path: Path) -> None:
    unit = named(lines(tmp_path, systemd(LoadState="not-found")), "unit")
    assert unit.level == "warning"
    assert "nothing begins the agent" in unit.what


def test_a_machine_without_systemd_is_told_so(tmp_path: Path) -> None:
    unit = named(lines(tmp_path, says({}), None), "unit")
    assert (unit.level, unit.what) == ("fault", "no systemd answers here")


@pytest.mark.parametrize(
    ("status", "words", "cure"),
    [
        (78, "the settings are wrong", "edgeagent check"),
        (65, "the model will not do", "edgeagent models"),
        (69, "something outside failed", "journalctl -u edgeagent"),
        (70, "a fault of edgeagent itself", "journalctl -u edgeagent"),
    ],
)
def test_an_agent_that_stopped_is_told_in_the_words_of_its_status(
    tmp_path: Path, status: int, words: str, cure: str
) -> None:
    host = systemd(
        ActiveState="failed", Result="exit-code", ExecMainCode="1", ExecMainStatus=str(status)
    )
    unit = named(lines(tmp_path, host, None), "unit")
    assert (unit.level, unit.status) == ("fault", status)
    assert words in unit.what
    assert cure in unit.cures[0]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"Result": "watchdog", "ExecMainCode": "3", "ExecMainStatus": "6"}, "a part of it was"),
        ({"Result": "oom-kill", "ExecMainCode": "2", "ExecMainStatus": "9"}, "no memory left"),
        ({"Result": "signal", "ExecMainCode": "3", "ExecMainStatus": "11"}, "killed by SIGSEGV"),
        ({"Result": "exit-code", "ExecMainCode": "1", "ExecMainStatus": "216"}, "GROUP: a group"),
    ],
)
def test_what_systemd_ended_is_told_in_words(
    tmp_path: Path, told: dict[str, str], words: str
) -> None:
    host = systemd(ActiveState="activating", SubState="auto-restart", **told)
    unit = named(lines(tmp_path, host, None), "unit")
    assert (unit.level, unit.status) == ("fault", 69)
    assert words in unit.what


def test_restarts_since_the_start_are_warned_of(tmp_path: Path) -> None:
    host = systemd(NRestarts="4", ExecMainCode="1", ExecMainStatus="69")
    unit = named(lines(tmp_path, host), "unit")
    assert unit.level == "warning"
    assert "started anew 4 times by systemd; ended with status 69" in unit.what


def test_a_unit_not_enabled_without_a_watchdog_and_changed_is_three_warnings(
    tmp_path: Path,
) -> None:
    host = systemd(
        UnitFileState="disabled", Type="simple", WatchdogUSec="0", NeedDaemonReload="yes"
    )
    _, *more = [line for line in lines(tmp_path, host) if line.name == "unit"]
    assert [line.level for line in more] == ["warning"] * 3
    assert "does not start with the machine" in more[0].what
    assert "nobody sees if it hangs" in more[1].what
    assert "has changed since systemd read it" in more[2].what


def test_the_agents_own_faults_are_lines_and_its_cameras_are_left_to_theirs(
    tmp_path: Path,
) -> None:
    agent = {**AGENT, "faults": {"outbox": "the disk is full", "camera.door": "no frames"}}
    found = lines(tmp_path, systemd(), agent)
    assert named(found, "outbox").what == "the agent says: the disk is full"
    assert [line.name for line in found if line.name.startswith("camera")] == []


def test_judged_states_bring_their_cures_and_stand_for_the_faults(tmp_path: Path) -> None:
    state = {"level": "fault", "code": "none", "why": "nothing runs it", "cure": "one; two"}
    states = {"engine.coco16": state, "outbox": {"why": "all sent"}, "disk": state}
    agent = {**AGENT, "states": states, "faults": {"tpu usb:0": "no_device: gone"}}
    found = lines(tmp_path, systemd(), agent)
    line = named(found, "engine.coco16")
    assert (line.level, line.cures) == ("warning", ("one", "two"))
    assert not {"outbox", "disk", "tpu usb:0"} & {line.name for line in found}


def test_an_agent_of_another_release_is_warned_of(tmp_path: Path) -> None:
    agent = named(lines(tmp_path, systemd(), {**AGENT, "version": "0.0.9"}), "agent")
    assert agent.level == "warning"
    assert "0.0.9 answers" in agent.what


def test_a_socket_that_may_not_be_asked_says_be_root(tmp_path: Path) -> None:
    refused = case(tmp_path, host=systemd(), refused="control: Permission denied; be root")
    agent = named(looked(checks(refused)), "agent")
    assert (agent.level, agent.cures) == ("warning", ("sudo edgeagent doctor",))


@pytest.mark.parametrize(
    ("folder", "words"),
    [("var/log/journal/0123", "on the disk"), ("run/log/journal", "in memory")],
)
def test_where_the_journal_is_kept_is_told(tmp_path: Path, folder: str, words: str) -> None:
    (tmp_path / folder).mkdir(parents=True)
    journal = named(lines(tmp_path, Host(tmp_path, systemd().ask)), "journal")
    assert words in journal.what


@pytest.mark.parametrize(
    ("told", "seconds"), [("1min", 60.0), ("1min 30s", 90.0), ("500ms", 0.5), ("infinity", 0.0)]
)
def test_systemds_own_way_to_write_a_time_is_read(told: str, seconds: float) -> None:
    unit = read_unit("edgeagent", systemd(WatchdogUSec=told).ask)
    assert unit is not None
    assert unit.watchdog_s == pytest.approx(seconds)
