"""The recovery ladder: the agent's asking, root's steps, and what passes between them."""

import json
import os
import time
from pathlib import Path

import pytest

from edgeagent.cli import main
from edgeagent.edgetpu import find_devices
from edgeagent.edgetpu.ladder import Ladder, answer, read_ladder
from edgeagent.edgetpu.library import try_open
from edgeagent.edgetpu.outcome import REQUEST, Outcome, read_outcome, write_outcome
from edgeagent.edgetpu.recovery import ASK_EVERY_S, SPENT_EVERY_S, Recovery
from edgeagent.errors import ConfigError
from edgeagent.findings import Notice

from .edgetpu_sim.simulator import Simulator

ROOT = Path(__file__).parent.parent


class Machine:
    """One machine's folders, with an agent's end and root's end."""

    def __init__(self, folder: Path) -> None:
        self.steps = folder / "recover.toml"
        self.runtime = folder / "runtime"
        self.outcomes = folder / "outcomes"
        self.runtime.mkdir()
        self.now_s = 1000.0
        self.told: list[Notice] = []
        self.recovery = self.agent()

    def agent(self) -> Recovery:
        return Recovery(self.runtime, self.told.append, lambda: self.now_s, self.outcomes)

    @property
    def request(self) -> Path:
        return self.runtime / REQUEST

    def write(self, *commands: list[str], again_within_s: float = 600, limit_s: float = 5) -> None:
        rows = [
            f"[[step]]\ncommand = {json.dumps(command)}\ntime_limit_s = {limit_s}\n"
            for command in commands
        ]
        self.steps.write_text(f"again_within_s = {again_within_s}\n" + "\n".join(rows))
        self.steps.chmod(0o644)

    def ask(self) -> bool:
        self.now_s += ASK_EVERY_S
        return self.recovery.ask("usb:0 does not open", "usb:0")

    def serve(self) -> Outcome:
        """Be root, woken by systemd."""
        return answer(self.steps, self.request, self.outcomes)

    def round(self) -> str:
        """Ask, be served, hear of it; return how it ended."""
        assert self.ask()
        ended = self.serve().ended
        self.recovery.listen("usb:0")
        return ended


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_request_takes_one_step_and_the_next_one_the_next(
    machine: Machine, tmp_path: Path
) -> None:
    marks = [tmp_path / name for name in ("first", "second")]
    machine.write(*(["/usr/bin/touch", str(mark)] for mark in marks))
    assert machine.round() == "done"
    assert [mark.exists() for mark in marks] == [True, False]
    assert not machine.request.exists()
    assert machine.round() == "done"
    assert [mark.exists() for mark in marks] == [True, True]
    assert [notice.why.split(" in ")[0] for notice in machine.told] == [
        "recovery step 1 of 2, touch, done",
        "recovery step 2 of 2, touch, done",
    ]
    assert {(n.part, n.what, n.name) for n in machine.told} == {("engine", "recovery", "usb:0")}


def test_after_the_last_step_nothing_is_done_and_that_is_said_once(machine: Machine) -> None:
    machine.write(["/bin/true"])
    assert machine.round() == "done"
    assert machine.round() == "spent"
    assert not machine.ask()  # Not for an hour.
    machine.now_s += SPENT_EVERY_S
    assert machine.round() == "spent"
    assert [n.why for n in machine.told[1:]] == [
        "all 1 recovery steps were taken and did not help for long"
    ]


def test_when_it_was_quiet_the_ladder_begins_at_its_foot(machine: Machine) -> None:
    machine.write(["/bin/true"], ["/bin/false"], again_within_s=1)
    assert machine.round() == "done"
    time.sleep(1.1)
    assert machine.round() == "done"
    assert machine.round() == "failed"


def test_a_step_that_does_not_end_is_killed_with_all_it_started(
    machine: Machine, tmp_path: Path
) -> None:
    note = tmp_path / "pid"
    script = f"sleep 60 & echo $! > {note}; wait"
    machine.write(["/bin/sh", "-c", script], limit_s=1)
    assert machine.round() == "late"
    assert "killed at its time limit" in machine.told[0].why
    stat = Path(f"/proc/{note.read_text().strip()}/stat")
    assert not stat.exists() or stat.read_text().split()[2] == "Z"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["/bin/sh", "-c", "echo no such hub; exit 3"], "no such hub"),
        (["/bin/false"], "status 1"),
        (["/no/such/program"], "No such file or directory"),
    ],
)
def test_a_step_that_fails_says_why(machine: Machine, command: list[str], said: str) -> None:
    machine.write(command)
    assert machine.round() == "failed"
    assert said in machine.told[0].why


def test_without_steps_nothing_is_done_and_it_is_said(machine: Machine) -> None:
    assert machine.round() == "none"
    assert "no step is configured" in machine.told[0].why
    assert not machine.request.exists()


def test_steps_know_nothing_of_the_caller(machine: Machine, tmp_path: Path) -> None:
    machine.write(["/bin/sh", "-c", f"env > {tmp_path}/env; pwd >> {tmp_path}/env"])
    machine.round()
    lines = (tmp_path / "env").read_text().split()
    assert "PATH=/usr/sbin:/usr/bin:/sbin:/bin" in lines
    assert not any(line.startswith("HOME=") for line in lines)
    assert lines[-1] == "/"


def test_a_request_is_never_opened(machine: Machine, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("kept")
    machine.request.symlink_to(precious)
    machine.write(["/bin/true"])
    assert machine.serve().ended == "done"
    assert precious.read_text() == "kept"
    assert not machine.request.is_symlink()


@pytest.mark.parametrize("mode", [0o664, 0o646])
def test_steps_that_others_may_write_are_not_taken(
    machine: Machine, tmp_path: Path, mode: int
) -> None:
    mark = tmp_path / "mark"
    machine.write(["/usr/bin/touch", str(mark)])
    machine.steps.chmod(mode)
    assert machine.ask()
    with pytest.raises(ConfigError, match="lets others write it"):
        machine.serve()
    assert not mark.exists()
    assert not machine.request.exists()
    machine.recovery.listen()
    assert "lets others write it" in machine.told[0].why


def test_steps_in_a_folder_that_others_may_write_are_not_taken(
    machine: Machine, tmp_path: Path
) -> None:
    machine.write(["/bin/true"])
    tmp_path.chmod(0o777)
    with pytest.raises(ConfigError, match="lets others write it"):
        read_ladder(machine.steps)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_steps_of_another_user_are_not_taken(machine: Machine) -> None:
    machine.write(["/bin/true"])
    os.chown(machine.steps, 1234, 1234)
    with pytest.raises(ConfigError, match="belongs to user 1234, not to root"):
        read_ladder(machine.steps)


def test_every_fault_of_the_file_is_named_at_once(machine: Machine) -> None:
    machine.steps.write_text(
        "again = 1\nagain_within_s = 0\n"
        "[[step]]\ncommand = 'reboot'\n"
        "[[step]]\ncommand = ['reboot']\ntime_limit_s = 500\nname = 3\n"
    )
    with pytest.raises(ConfigError) as raised:
        read_ladder(machine.steps)
    assert len(raised.value.faults) == 6
    assert "again: no such setting" in raised.value.faults[0]


def test_a_file_that_is_not_toml_is_refused(machine: Machine) -> None:
    machine.steps.write_text("[[step")
    with pytest.raises(ConfigError, match="is not TOML"):
        read_ladder(machine.steps)


def test_the_agent_asks_once_a_minute(machine: Machine) -> None:
    machine.write(["/bin/true"])
    assert machine.ask()
    assert not machine.recovery.ask("still lost")
    machine.serve()
    assert not machine.recovery.ask("still lost")
    assert len(machine.told) == 1
    machine.now_s += ASK_EVERY_S
    assert machine.recovery.ask("still lost")


def test_a_request_that_nobody_saw_is_taken_back(machine: Machine) -> None:
    machine.ask()
    machine.recovery.withdraw()
    assert not machine.request.exists()
    machine.ask()
    machine.agent()
    assert not machine.request.exists()


def test_what_was_done_before_the_agent_started_is_not_told(machine: Machine) -> None:
    machine.write(["/bin/true"])
    machine.round()
    machine.told.clear()
    assert machine.agent().listen() is None
    assert machine.told == []


def test_a_folder_that_cannot_be_written_is_no_end(tmp_path: Path) -> None:
    told: list[Notice] = []
    recovery = Recovery(tmp_path / "none", told.append, lambda: 0.0, tmp_path)
    assert not recovery.ask("lost")
    assert told == []


@pytest.mark.parametrize("text", ["", "[]", "{", '{"number": 1}', '{"surprise": 2}'])
def test_an_outcome_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "outcome.json").write_text(text)
    assert read_outcome(tmp_path) is None


def test_an_outcome_is_read_as_it_was_written(tmp_path: Path) -> None:
    outcome = Outcome(3, "failed", 2, 4, "uhubctl", "no such hub", 1.5)
    write_outcome(outcome, tmp_path)
    assert read_outcome(tmp_path) == outcome
    assert (tmp_path / "outcome.json").stat().st_mode & 0o777 == 0o644


def test_the_example_is_one_that_can_be_read(tmp_path: Path) -> None:
    copy = tmp_path / "recover.toml"
    copy.write_text((ROOT / "systemd" / "recover.example.toml").read_text())
    ladder = read_ladder(copy)
    assert [step.name for step in ladder.steps] == [
        "re-authorise",
        "unbind and bind",
        "power-cycle the port",
    ]
    assert read_ladder(tmp_path / "none.toml") == Ladder()


def test_the_command_takes_a_step_or_shows_them(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.write(["/bin/echo", "hub switched"])
    assert main(["recover", "--check", "--steps", str(machine.steps)]) == 0
    assert '"command": ["/bin/echo", "hub switched"]' in capsys.readouterr().out
    machine.ask()
    places = ["--request", str(machine.request), "--outcomes", str(machine.outcomes)]
    assert main(["recover", "--steps", str(machine.steps), *places]) == 0
    assert "recovery step 1 of 1, echo, done" in capsys.readouterr().out
    assert not machine.request.exists()
    machine.steps.chmod(0o666)
    assert main(["recover", "--steps", str(machine.steps), *places]) == 78


def test_a_stick_that_only_a_power_cut_frees_is_freed(machine: Machine, edgetpu: Simulator) -> None:
    edgetpu.plug()
    edgetpu.fault("stuck", port="2-1")
    (device,) = find_devices(edgetpu.sysfs, edgetpu.dev)
    assert "it does not answer" in try_open(str(edgetpu.library), device)
    # What a hub that cuts the port's power does, as the simulator has it.
    machine.write(["/bin/true"], ["/bin/rm", str(edgetpu.folder / "faults" / "2-1.stuck")])
    assert machine.round() == "done"
    assert "it does not answer" in try_open(str(edgetpu.library), device)
    assert machine.round() == "done"
    assert try_open(str(edgetpu.library), device) == ""
