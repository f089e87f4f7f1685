"""The alert rules, the Grafana dashboard and Telegraf's settings name only what there is, and work.

Each alert is put through promtool's own unit tests: quiet before its cause, firing after it.
"""

import fnmatch
import json
import re
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml

from edgeagent.bulletin import Bulletin, State
from edgeagent.metrics import METRICS, PREFIX, STAGES
from edgeagent.wire import json as wire
from edgeagent.wire.device import stat_fields

from .promtool import promtool

FOLDER = Path(__file__).parents[1] / "docs/dashboards"
RULES = FOLDER / "alerts.yml"
ALERTS: list[dict[str, Any]] = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
BOARD: dict[str, Any] = json.loads((FOLDER / "grafana.json").read_text())
TELEGRAF = tomllib.loads((FOLDER / "telegraf.conf").read_text())

LABELS = {PREFIX + metric.name: {*metric.labels} for metric in METRICS}
LABELS |= {f"{PREFIX}{STAGES.name}_{end}": {*STAGES.labels} for end in ("sum", "count")}
LABELS[f"{PREFIX}{STAGES.name}_bucket"] = {*STAGES.labels, "le"}
LABELS |= {"up": set(), "node_textfile_mtime_seconds": {"file"}}
"""Prometheus's own, and node_exporter's."""
BY_PROMETHEUS = {"instance", "job"}
NAME = rf"\b(?:{PREFIX}\w+|node_\w+|up)\b"


@dataclass(frozen=True)
class Case:
    """One alert: series a minute apart, well for two hours, and what is said at the end."""

    alert: str
    series: dict[str, str]
    labels: dict[str, str]
    summary: str


def part(name: str, state: str) -> dict[str, str]:
    return {f'edgeagent_part_state{{instance="pi",part="{name}",state="{state}"}}': "0x120 1x60"}


def cause(name: str, word: str) -> dict[str, str]:
    return {f'edgeagent_part_cause{{instance="pi",part="{name}",cause="{word}"}}': "_x120 1x90"}


def runs(edge: str, before: str, after: str) -> dict[str, str]:
    labels = f'{{instance="pi",camera="door",stage="invoke",le="{edge}"}}'
    return {f"{PREFIX}stage_duration_seconds_bucket{labels}": f"{before} {after}"}


PI = {"instance": "pi"}
CASES = [
    Case("EdgeagentAway", {'up{job="edgeagent",instance="pi"}': "1x120 0x60"},
         {**PI, "job": "edgeagent"}, "pi does not answer"),
    Case("EdgeagentStale",
         {'node_textfile_mtime_seconds{file="/x/edgeagent.prom",instance="pi"}':
          "0+60x120 7200x60"},
         {**PI, "file": "/x/edgeagent.prom"}, "pi: the agent has told nothing for five minutes"),
    Case("EdgeagentRestarts",
         {'edgeagent_uptime_seconds{instance="pi"}': "0+60x150 5 9 1 9 1 9x26"}, PI,
         "pi began anew 3 times within an hour"),
    Case("EdgeagentCamera", part("camera.door", "fault"),
         {**PI, "part": "camera.door", "state": "fault"}, "pi: camera.door does not deliver"),
    Case("EdgeagentEngine", part("engine.coco", "fault"),
         {**PI, "part": "engine.coco", "state": "fault"}, "pi: nothing runs engine.coco"),
    Case("EdgeagentOnCpu", cause("engine.coco", "fallback"),
         {**PI, "part": "engine.coco", "cause": "fallback"},
         "pi: engine.coco runs without its Edge TPU"),
    Case("EdgeagentSlower",
         runs("0.008192", "0+60x1500", "90000x200") | runs("0.065536", "0+60x1500", "90060+60x199")
         | runs("+Inf", "0+60x1500", "90060+60x199"), {**PI, "camera": "door"},
         "pi: the model takes twice as long as a day ago"),
    Case("EdgeagentDropsFrames",
         {'edgeagent_frames_dropped_total{instance="pi",camera="door"}': "0+1x120 120+900x60",
          'edgeagent_frames_total{instance="pi",camera="door"}': "0+600x180"},
         {**PI, "camera": "door"}, "pi: more than half of door's frames are dropped"),
    Case("EdgeagentOutboxLoses", {'edgeagent_outbox_lost_total{instance="pi"}': "3x165 13x20"}, PI,
         "pi gave up events that were not sent yet"),
    Case("EdgeagentOutbox", part("outbox", "fault"), {**PI, "part": "outbox", "state": "fault"},
         "pi: the outbox does not keep what it is given"),
    Case("EdgeagentOutboxFills",
         {'edgeagent_outbox_stored_bytes{instance="pi"}': "1000x100 1000+800x80",
          'edgeagent_outbox_limit_bytes{instance="pi"}': "100000x180"}, PI,
         "pi: the outbox will be full within six hours"),
    Case("EdgeagentLink", part("link", "fault"), {**PI, "part": "link", "state": "fault"},
         "pi sends nothing to its broker"),
    Case("EdgeagentClock",
         {'edgeagent_part_state{instance="pi",part="clock",state="ok"}': "1x120 0x60"},
         {**PI, "part": "clock", "state": "ok"}, "pi: no time server has set the clock"),
    Case("EdgeagentDisk",
         {'edgeagent_part_state{instance="pi",part="disk",state="ok"}': "1x120 0x60"},
         {**PI, "part": "disk", "state": "ok"},
         "pi: the disk is nearly full, read-only or worn"),
    Case("EdgeagentUnderVoltage", cause("temperature", "was_undervoltage"),
         {**PI, "part": "temperature", "cause": "was_undervoltage"},
         "pi: the power supply is too weak"),
    Case("EdgeagentHot", cause("temperature", "warm"),
         {**PI, "part": "temperature", "cause": "warm"}, "pi is hot, and slower for it"),
    Case("EdgeagentFault", part("commands", "fault"),
         {**PI, "part": "commands", "state": "fault"}, "pi: commands has a fault"),
    Case("EdgeagentSettings", cause("config", "refused"),
         {**PI, "part": "config", "cause": "refused"},
         "pi: its new settings were refused, the old are in force"),
]  # fmt: skip
DAY_CASES = ("EdgeagentSlower",)
"""Those that compare with the day before: well for 25 hours."""


def unit_test(case: Case) -> dict[str, Any]:
    """Return one of promtool's tests: nothing at two hours, the alert at the end."""
    rule = next(alert for alert in ALERTS if alert["alert"] == case.alert)
    quiet, fires = ("1490m", "1560m") if case.alert in DAY_CASES else ("115m", "175m")
    if case.alert == "EdgeagentSettings":
        fires = "200m"
    told = {
        "exp_labels": {**case.labels, **rule["labels"]},
        "exp_annotations": {**rule["annotations"], "summary": case.summary},
    }
    return {
        "interval": "1m",
        "input_series": [{"series": one, "values": n} for one, n in case.series.items()],
        "alert_rule_test": [
            {"eval_time": quiet, "alertname": case.alert, "exp_alerts": []},
            {"eval_time": fires, "alertname": case.alert, "exp_alerts": [told]},
        ],
    }


def run_promtool(*words: str) -> None:
    told = subprocess.run([promtool(), *words], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr


def test_every_alert_is_quiet_before_its_cause_and_fires_after_it(tmp_path: Path) -> None:
    assert [case.alert for case in CASES] == [alert["alert"] for alert in ALERTS]
    tests = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "5m",
        "tests": [unit_test(case) for case in CASES],
    }
    file = tmp_path / "alerts.test.yml"
    file.write_text(json.dumps(tests))
    run_promtool("test", "rules", str(file))


def queries() -> Iterator[tuple[str, str, str]]:
    """Yield title, query and legend of every target on the board."""
    for panel in BOARD["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"], target["legendFormat"]


def test_every_query_of_the_dashboard_can_be_parsed(tmp_path: Path) -> None:
    filled = {"$__rate_interval": "5m", "$instance": ".*"}
    rules = []
    for number, (_, query, _) in enumerate(queries()):
        plain = re.sub("|".join(map(re.escape, filled)), lambda found: filled[found[0]], query)
        assert "$" not in plain
        rules.append({"record": f"query:{number}", "expr": plain})
    file = tmp_path / "queries.yml"
    file.write_text(json.dumps({"groups": [{"name": "board", "rules": rules}]}))
    run_promtool("check", "rules", str(file))


@pytest.mark.parametrize(
    "query",
    [query for _, query, _ in queries()] + [alert["expr"] for alert in ALERTS],
)
def test_queries_name_only_metrics_and_labels_that_there_are(query: str) -> None:
    names = re.findall(NAME, query)
    assert names
    assert set(names) <= set(LABELS)
    known = set().union(*(LABELS[name] for name in names), BY_PROMETHEUS)
    used = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", query))
    for grouped in re.findall(r"by \(([^)]*)\)", query):
        used |= {label.strip() for label in grouped.split(",")}
    assert used <= known


def test_legends_and_words_of_alerts_use_only_labels_that_are_left() -> None:
    for _, query, legend in queries():
        grouped = re.search(r"by \(([^)]*)\)", query)
        names = re.findall(NAME, query)
        left = set(grouped.group(1).split(", ")) if grouped else LABELS[names[0]] | BY_PROMETHEUS
        assert set(re.findall(r"{{(\w+)}}", legend)) <= left


def test_the_boards_panels_are_told_apart_and_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    numbers = [panel["id"] for panel in BOARD["panels"]]
    assert len(set(numbers)) == len(numbers)
    for panel in BOARD["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not taken & cells, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


# --- Telegraf


def flattened(value: Any, name: str = "") -> dict[str, Any]:  # noqa: ANN401
    """Return fields as Telegraf's json parser names them: objects and lists joined by ``_``."""
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        parts = [flattened(one, f"{name}_{key}" if name else str(key)) for key, one in pairs]
        return {key: one for found in parts for key, one in found.items()}
    return {name: value}


def schema(name: str) -> dict[str, Any]:
    text = resources.files("edgeagent.wire").joinpath(f"{name}.schema.json").read_text()
    found: dict[str, Any] = json.loads(text)
    return found


def consumers() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return each consumer of the settings and the schema of what it hears."""
    stat, events = TELEGRAF["inputs"]["mqtt_consumer"]
    return [(stat, schema("stat")), (events, schema("event"))]


def test_telegraf_listens_to_topics_that_devices_speak_on() -> None:
    for consumer, _ in consumers():
        (topic,) = consumer["topics"]
        (parsing,) = consumer["topic_parsing"]
        assert re.fullmatch(r"edge/v1/\+/\+/(stat|evt/\+)", topic)
        assert parsing["topic"] == topic
        assert len(parsing["tags"].split("/")) == len(topic.split("/"))
        assert parsing["tags"].split("/")[2] == "site"


def test_what_telegraf_takes_is_in_our_schemas() -> None:
    for consumer, told in consumers():
        fields = told["properties"]
        assert consumer["json_time_key"] in fields
        assert set(consumer["tag_keys"]) <= set(fields)
        filters = [consumer.get(name, []) for name in ("fieldinclude", "fieldexclude")]
        for pattern in [*consumer.get("json_string_fields", []), *filters[0], *filters[1]]:
            first, _, rest = pattern.partition("_")
            assert first in fields, pattern
            inner = fields[first].get("properties")
            assert inner is None or rest in inner, pattern


def test_a_stat_message_becomes_numbers_states_and_causes() -> None:
    states = {"disk": State(), "camera.door": State("fault", "lost", "no answer", "ping", 61.0)}
    bulletin = Bulletin("porch", "0.1", 9.0, states, {"frames_total.door": 7}, {"soc_c": 55.1})
    stat, _ = consumers()[0]
    found = flattened(json.loads(wire.encode("stat", stat_fields(bulletin, 5))))
    taken = {
        name: value
        for name, value in found.items()
        if name not in (*stat["tag_keys"], stat["json_time_key"])
        and not any(fnmatch.fnmatch(name, pattern) for pattern in stat["fieldexclude"])
        and (
            not isinstance(value, str)
            or any(fnmatch.fnmatch(name, pattern) for pattern in stat["json_string_fields"])
        )
    }
    assert taken == {
        "s": "fault",
        "h_disk": 0,
        "h_camera.door": 2,
        "c_frames_total.door": 7,
        "g_soc_c": 55.1,
        "f_camera.door": "no answer",
    }
