"""``edgeagent bench`` as it is typed."""

import json
import os
import subprocess
import sys
import time
from argparse import ArgumentTypeError
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from edgeagent import cli
from edgeagent.bench.report import report_schema
from edgeagent.cli.amounts import duration_ms, share
from edgeagent.demo import embedded_broker
from edgeagent.subscriber import Heard, Subscriber
from tests.wires import everywhere

SCHEMA = json.loads((resources.files("edgeagent.bench") / "report.schema.json").read_text())


def bench(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgeagent", "bench", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
        env={**os.environ, **environment},
    )


def reported(told: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert told.returncode == 0, told.stderr
    one: dict[str, Any] = json.loads(told.stdout)
    Draft202012Validator(SCHEMA).validate(one)
    return one


def test_the_shipped_schema_is_that_of_the_reports() -> None:
    assert json.loads(report_schema()) == SCHEMA, "edgeagent bench schema makes it anew"


def test_three_runs_prove_that_a_model_runs_and_leave_nothing(tmp_path: Path) -> None:
    began_s = time.monotonic()
    told = bench("--runs", "3", XDG_STATE_HOME=str(tmp_path))
    assert told.returncode == 0
    first, second = told.stdout.splitlines()[:2]
    assert first.startswith("coco16-320 c5805c0d on cpu, cockatoo.mp4: single")
    assert second.startswith("load ")
    assert "2 of 2 goldens agree" in told.stdout
    assert time.monotonic() - began_s < 60
    assert not list(tmp_path.iterdir())


def test_a_run_is_kept_and_the_next_is_held_against_it(tmp_path: Path) -> None:
    told = bench("--runs", "60", "--json", "--state", str(tmp_path))
    report = reported(told)
    kept = (tmp_path / "bench.jsonl").read_text()
    assert json.loads(kept) == report
    asked = ("--baseline", str(tmp_path / "bench.jsonl"), "--no-history", "--json")
    # Whatever the noise, nothing is three times as slow as itself.
    again = reported(bench("--runs", "60", *asked, "--max-regress", "200%"))
    (verdict,) = again["verdicts"]
    assert (verdict["status"], len(verdict["between"])) == (0, 2)
    assert (tmp_path / "bench.jsonl").read_text() == kept


@pytest.mark.parametrize(("limit", "status"), [("10s", 0), ("1ms", 1)])
def test_a_limit_on_p90_is_the_exit_status(limit: str, status: int) -> None:
    told = bench("--runs", "40", "--max-p90", limit, "--no-history")
    assert told.returncode == status
    assert f"at most {float(limit.rstrip('ms')) * (1000 if limit == '10s' else 1):g} ms asked" in (
        told.stdout
    )


def test_too_few_runs_for_a_limit_are_status_2() -> None:
    assert bench("--runs", "3", "--max-p90", "10s").returncode == 2


def test_cold_starts_a_real_agent(tmp_path: Path) -> None:
    report = reported(bench("cold", "--runs", "1", "--json", "--no-history"))
    assert report["headline"]["figures"]["n"] == 1
    assert report["stages"]["first"]["p50"] > report["load_ms"]


def test_the_pipeline_goes_to_a_real_broker() -> None:
    report = reported(bench("pipeline", "--runs", "30", "--json", "--no-history"))
    assert report["stages"]["PUBACK"]["n"] == report["counts"]["acknowledged"] > 10
    assert not any("no broker" in note for note in report["notes"])


def test_who_sits_before_it_sees_how_far_it_has_come() -> None:
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "edgeagent", "bench", "--runs", "40", "--no-history"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs) as child:
        child.communicate(timeout=110)
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert " of 40" in shown
    assert shown.endswith("\r\x1b[K")


def test_two_reports_are_compared_and_one_is_not(tmp_path: Path) -> None:
    file = tmp_path / "one.json"
    file.write_text(bench("--runs", "3", "--json").stdout)
    told = bench("compare", str(file), str(file))
    assert told.returncode == 0
    assert "invoke" in told.stdout
    assert "1.000" in told.stdout
    alone = bench("compare", str(file))
    assert (alone.returncode, "two reports" in alone.stderr) == (64, True)


def test_a_picture_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs matplotlib")
    file = tmp_path / "bench.png"
    assert bench("--runs", "5", "--plot", str(file)).returncode == 0
    assert file.read_bytes().startswith(b"\x89PNG")


def test_the_broker_is_told_where_that_is_asked(tmp_path: Path) -> None:
    heard: list[Heard] = []
    with embedded_broker(tmp_path) as port:
        ear = Subscriber("127.0.0.1", port, "edge/v1/home/door/#", heard.append)
        ear.start()
        settings = tmp_path / "edgeagent.toml"
        settings.write_text(
            f'device = "door"\n[mqtt]\nhost = "127.0.0.1"\nport = {port}\ntls = false\n'
        )
        asked = ("--config", str(settings), "--state", str(tmp_path / "state"))
        told = bench("--runs", "3", "--publish", *asked)
        assert told.returncode == 0, told.stderr
        end_s = time.monotonic() + 10
        while not heard and time.monotonic() < end_s:
            time.sleep(0.05)
        ear.close()
    # Neither birth nor will nor status: those are the agent's own.
    assert [one.topic for one in heard] == ["edge/v1/home/door/bench"]
    everywhere("bench", json.loads(heard[0].payload))


def test_a_broker_that_is_away_is_status_69_after_the_table(tmp_path: Path) -> None:
    settings = tmp_path / "edgeagent.toml"
    settings.write_text('device = "door"\n[mqtt]\nhost = "127.0.0.1"\nport = 1\ntls = false\n')
    told = bench("--runs", "3", "--publish", "--config", str(settings))
    assert told.returncode == 69
    assert "see()" in told.stdout
    assert "127.0.0.1:1: edge/v1/home/door/bench was not published" in told.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--runs", "0"), "--runs 0: must be 1 to"),
        (("rate", "--rate", "0"), "--rate 0: must be 0.1 to 1000"),
        (("single", "some.json"), "did you mean compare"),
        (("--baseline", "/nowhere.json"), "/nowhere.json: No such file"),
        (("--publish",), "--publish needs a broker"),
        (("--clip", "/nowhere.mp4", "--runs", "1"), "no such file or folder"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_status_64(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["bench", *arguments]) == 64
    told = capsys.readouterr()
    assert said in told.err
    assert told.out == ""


@pytest.mark.parametrize(
    ("text", "ms"), [("5ms", 5.0), ("0.2s", 200.0), ("800us", 0.8), ("1.5ms", 1.5)]
)
def test_durations_are_written_with_their_unit(text: str, ms: float) -> None:
    assert duration_ms(text) == pytest.approx(ms)


@pytest.mark.parametrize("text", ["5", "ms", "five ms", "-1ms", "nanms", "1h", ""])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="write 5ms"):
        duration_ms(text)


def test_shares_are_written_in_per_cent() -> None:
    assert share("10%") == pytest.approx(0.1)
    for text in ("10", "%", "-3%", "ten%"):
        with pytest.raises(ArgumentTypeError, match="write 10%"):
            share(text)
