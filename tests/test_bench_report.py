"""A report: shown, kept, read, compared, published."""

import json
from pathlib import Path

import msgspec
import pytest

from edgeagent import clips
from edgeagent.bench.closed import single
from edgeagent.bench.found import Plan, report, unheard
from edgeagent.bench.history import MOST, NAME, is_worth, keep
from edgeagent.bench.judge import judged, read_baseline
from edgeagent.bench.message import message
from edgeagent.bench.report import Report, read_report
from edgeagent.bench.show import SIMULATED, compared, table
from edgeagent.bench.verdict import GOOD
from edgeagent.config import Config, MotionConfig
from edgeagent.engines.scripted import Scripted
from edgeagent.errors import UsageError
from edgeagent.looker import Engines
from edgeagent.model import bundles_folder, find_bundle
from tests.wires import everywhere


def made(runs: int) -> Report:
    engine = Scripted(find_bundle("coco16-320", [bundles_folder()]))
    every = Config(motion=MotionConfig(gate=False))
    asked = Plan("single", clips.demo(), every, Engines(engine), runs=runs)
    return report(asked, single(asked, unheard))


@pytest.fixture(scope="module")
def ordinary() -> Report:
    return made(40)


def test_the_message_is_small_and_fits_its_schema(ordinary: Report) -> None:
    payload = message(judged(ordinary, 1000.0, None, 0.1), "door")
    fields = json.loads(payload)
    everywhere("bench", fields)
    assert len(payload) <= 900
    assert (fields["dev"], fields["sc"], fields["ok"]) == ("door", "single", GOOD)
    assert "sim" not in fields


def test_a_simulation_is_named_in_every_output(ordinary: Report, tmp_path: Path) -> None:
    sim = msgspec.structs.replace(ordinary, simulated=True)
    assert SIMULATED in table(sim)
    assert SIMULATED in compared(ordinary, sim, ("a", "b"))
    assert json.loads(message(sim, "door"))["sim"] is True
    assert json.loads(msgspec.json.encode(sim))["simulated"] is True
    assert SIMULATED not in table(ordinary)


def test_a_report_is_kept_the_oldest_go_and_the_last_is_read(
    ordinary: Report, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    for number in range(MOST + 3):
        assert keep(msgspec.structs.replace(ordinary, at_ms=number), state) == state / NAME
    lines = (state / NAME).read_bytes().splitlines()
    assert len(lines) == MOST
    assert json.loads(lines[0])["at_ms"] == 3
    assert read_report(state / NAME).at_ms == MOST + 2


def test_a_trial_is_not_worth_keeping(ordinary: Report) -> None:
    few = made(3)
    assert is_worth(ordinary)
    assert not is_worth(few)
    assert is_worth(msgspec.structs.replace(few, scenario="cold"))


def test_a_report_compared_with_itself_is_equal(ordinary: Report, tmp_path: Path) -> None:
    told = compared(ordinary, ordinary, ("one", "other"))
    assert "headline" in told
    assert "1.000" in told
    assert "0.0 % slower than the baseline" in told


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no report"),
        ("{}", "is no report"),
        ('{"schema":"edgeagent.bench/2"}', "is no report"),
        ("not json", "is no report"),
    ],
)
def test_what_is_no_report_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "base.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=said):
        read_report(path)


def test_only_like_is_compared_with_like(ordinary: Report, tmp_path: Path) -> None:
    path = tmp_path / "base.json"
    path.write_bytes(msgspec.json.encode(ordinary))
    assert read_baseline(path, "single") == ordinary
    with pytest.raises(UsageError, match="is of single, and this is rate"):
        read_baseline(path, "rate")
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(ordinary, blocks=())))
    with pytest.raises(UsageError, match="without a yardstick"):
        read_baseline(path, "single")


def test_what_is_not_the_same_as_in_the_baseline_is_said(ordinary: Report) -> None:
    before = msgspec.structs.replace(ordinary, engine="tpu", model="other 00000000")
    (verdict,) = judged(ordinary, None, before, 0.1).verdicts
    assert "model other 00000000, now coco16-320" in verdict.why
    assert "engine tpu, now scripted" in verdict.why
