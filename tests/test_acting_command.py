"""An owner's command: what it is given, and that nothing of it outlasts its time."""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeagent.acting import command
from edgeagent.acting.occasion import Occasion
from edgeagent.acting.outcome import Outcome
from edgeagent.acting.program import Program
from edgeagent.clock import ManualClock
from edgeagent.config import ActionConfig
from edgeagent.event import Event, Source, VectorPart, now

PATIENCE_S = 30.0
SH = "/bin/sh"


def run(script: str, limit_s: float = PATIENCE_S, stop: threading.Event | None = None) -> Outcome:
    """Run what is written, for once, in a shell's language."""
    return command.run([SH, "-c", script], b"", {}, limit_s, stop or threading.Event())


def run_until(true: Callable[[], bool], script: str, grace_s: float = 0.2) -> Outcome:
    """Run what is written in a shell's language, and end it once ``true`` holds."""
    stop = threading.Event()

    def watch() -> None:
        until(true)
        stop.set()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        return command.run([SH, "-c", script], b"", {}, PATIENCE_S, stop, grace_s)
    finally:
        watcher.join()


def until(true: Callable[[], bool]) -> None:
    give_up_s = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < give_up_s
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    """Return whether no process of that number runs; one that nobody has waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state in "ZX"


def test_what_ends_well_is_done_and_its_first_words_are_kept() -> None:
    outcome = run("echo ready >&2; echo and more >&2")
    assert (outcome.ended, outcome.why, outcome.said) == ("done", "", "ready")


def test_what_ends_badly_says_how() -> None:
    assert run("exit 3").why == "ended with status 3"
    assert run("kill -KILL $$").why == "was ended by SIGKILL"
    assert run("kill -s KILL $$").ended == "failed"


def test_a_program_that_is_missing_or_none_is_said_so(tmp_path: Path) -> None:
    outcome = command.run([str(tmp_path / "siren")], b"", {}, 1, threading.Event())
    assert outcome.ended == "failed"
    assert outcome.why == f"{tmp_path / 'siren'} cannot be started: No such file or directory"
    (tmp_path / "text").write_text("no program")
    outcome = command.run([str(tmp_path / "text")], b"", {}, 1, threading.Event())
    assert outcome.why.endswith("cannot be started: Permission denied")


def test_no_shell_reads_the_arguments(tmp_path: Path) -> None:
    word = f"$(touch {tmp_path}/made); `id` > x | y"
    print_it = [sys.executable, "-c", "import sys; sys.stderr.write(sys.argv[1])", word]
    assert command.run(print_it, b"", {}, PATIENCE_S, threading.Event()).said == word
    assert list(tmp_path.iterdir()) == []


def test_a_command_that_hangs_is_ended_at_its_limit() -> None:
    outcome = run("sleep 1000", limit_s=0.2)
    assert (outcome.ended, outcome.why) == ("late", "was ended after 0.2 s, its time_limit_s")


def test_a_command_that_will_not_hear_is_killed(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    script = f"trap '' TERM; echo $$ >{pid}; touch {pid}.told; while :; do sleep 0.1; done"
    assert run_until(Path(f"{pid}.told").exists, script).ended == "stopped"
    assert is_gone(int(pid.read_text()))


def test_a_command_may_switch_off_what_it_switched_on(tmp_path: Path) -> None:
    script = f"trap 'echo off >{tmp_path}/siren; exit' TERM; touch {tmp_path}/on; sleep 1000 & wait"
    assert run_until((tmp_path / "on").exists, script, PATIENCE_S).ended == "stopped"
    assert (tmp_path / "siren").read_text() == "off\n"


@pytest.mark.parametrize("ends", ["sleep 1000", "true"])
def test_its_children_end_with_it_whichever_way_it_ends(tmp_path: Path, ends: str) -> None:
    pids = tmp_path / "pids"
    child = f"(trap '' TERM; sleep 1000 & echo $! >>{pids}; wait) &"
    wait = f"while [ $(cat {pids} 2>/dev/null | wc -l) -lt 3 ]; do sleep 0.02; done"
    script = f"{child} {child} {child} {wait}; touch {pids}.told; {ends}"
    outcome = run_until(Path(f"{pids}.told").exists, script)
    assert outcome.ended == "stopped" or ends == "true"
    found = [int(pid) for pid in pids.read_text().split()]
    assert len(found) == 3
    until(lambda: all(is_gone(pid) for pid in found))


def test_a_child_that_holds_its_standard_error_open_keeps_nobody_waiting(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    # In a session of its own it is beyond the group.
    leave = f"import os; os.setsid(); open('{pid}', 'w').write(str(os.getpid())); " + (
        "import time; time.sleep(1000)"
    )
    script = f'{sys.executable} -c "{leave}" & while [ ! -s {pid} ]; do sleep 0.02; done'
    assert run(script).ended == "done"
    os.kill(int(pid.read_text()), signal.SIGKILL)


def test_standard_error_without_end_neither_fills_memory_nor_blocks(tmp_path: Path) -> None:
    # More than a pipe holds, then a good end.
    outcome = run("echo first >&2; head -c 300000 /dev/zero >&2")
    assert (outcome.ended, outcome.said) == ("done", "first")
    begun = tmp_path / "begun"
    outcome = run_until(begun.exists, f"echo first >&2; touch {begun}; exec yes >&2")
    assert (outcome.ended, outcome.said) == ("stopped", "first")


def test_what_it_says_is_harmless_and_short() -> None:
    outcome = run(r"printf '\n\033[31mred\007 \377' >&2")
    assert outcome.said == "?[31mred? \ufffd"
    assert len(run("head -c 9000 /dev/zero | tr '\\0' x >&2").said) == command.MAX_SAID


def test_the_agents_end_ends_it() -> None:
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    assert run("sleep 1000", stop=stop).ended == "stopped"


def test_the_event_is_given_to_who_does_not_read_it_as_well() -> None:
    given = b"x" * 1_000_000
    outcome = command.run([SH, "-c", "exit 0"], given, {}, PATIENCE_S, threading.Event())
    assert outcome.ended == "done"
    count = [SH, "-c", "wc -c >&2"]
    assert command.run(count, given, {}, PATIENCE_S, threading.Event()).said == "1000000"


def test_a_command_is_told_the_event_and_nothing_of_the_agents_own(tmp_path: Path) -> None:
    read = [SH, "-c", f"cat >{tmp_path}/in; env >{tmp_path}/env; ls /proc/self/fd >{tmp_path}/fds"]
    action = ActionConfig(name="siren", argv=read)
    when = now(ManualClock(), "k")
    event = Event(
        "object", when, Source("door"), names=(("per\nson", 0.87),), boxes=((0, 0, 1, 1),)
    )
    occasion = Occasion(event, 7, "per\nson", 0.87, "in")
    program = Program(action, "pi", "3-0000000a", ManualClock())
    with (tmp_path / "open").open("w"):
        assert program.do(occasion, threading.Event()).ended == "done"
    told = json.loads((tmp_path / "in").read_text())
    assert (told["k"], told["cam"], told["seq"], told["boot"]) == (
        "object",
        "door",
        7,
        "3-0000000a",
    )
    assert told["cls"] == [["per\nson", 0.87]]
    lines = (tmp_path / "env").read_text().splitlines()
    mine = dict(line.split("=", 1) for line in lines if line.startswith("EDGEAGENT_"))
    assert mine == {
        "EDGEAGENT_ACTION": "siren",
        "EDGEAGENT_DEVICE": "pi",
        "EDGEAGENT_KIND": "object",
        "EDGEAGENT_CAMERA": "door",
        "EDGEAGENT_LABEL": "per?son",
        "EDGEAGENT_SCORE": "0.870",
        "EDGEAGENT_PHASE": "in",
        "EDGEAGENT_SEQ": "7",
    }
    assert {line.split("=")[0] for line in lines} - set(mine) <= {
        *("PATH", "LC_ALL", "PWD", "OLDPWD", "SHLVL", "_")
    }
    # 0, 1, 2 and what ls itself opened.
    assert len((tmp_path / "fds").read_text().split()) == 4


def test_an_event_too_large_for_a_message_is_still_an_occasion(tmp_path: Path) -> None:
    action = ActionConfig(name="siren", argv=[SH, "-c", f"cat >{tmp_path}/in"])
    large = VectorPart(b"x" * 5000, "uint8", 1.0, 0)
    event = Event("object", now(ManualClock(), "k"), Source("door"), vector=large)
    program = Program(action, "pi", "3-0000000a", ManualClock())
    assert program.do(Occasion(event, 7), threading.Event()).ended == "done"
    assert "5000 values" in json.loads((tmp_path / "in").read_text())["error"]
