"""The metrics: read by Prometheus's own parser and tool, and documented one by one."""

import re
import subprocess
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from edgeagent.bulletin import Bulletin, State
from edgeagent.histogram import Histogram
from edgeagent.metrics import EDGES_US, METRICS, PREFIX, STAGES, exposition

from .promtool import promtool

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/metrics.md"
PER_CAMERA = ("frames", "moved", "dropped", "unseen", "looks", "asked", "events", "withheld")
PER_ACTION = ("done", "failed", "skipped")
TOTALS = ("published", "puback", "refused", "denied", "commands")
FIGURES = """outbox_depth outbox_bytes outbox_max_bytes outbox_lost outbox_refused link_up clock_set
outbox_written_bytes soc_c cpu_mhz under_voltage throttled disk_free_bytes disk_size_bytes
device_written_bytes resident_bytes cpu_s silent_s.door paused.door tpu.usb:0 tpu_open_s.usb:0"""


def took(*each_us: int) -> Histogram:
    histogram = Histogram()
    for us in each_us:
        histogram.add(us * 1000)
    return histogram


def full() -> Bulletin:
    """Return a bulletin in which everything is told that there is."""
    counters = {f"{what}_total.door": n for n, what in enumerate(PER_CAMERA, 100)}
    counters |= {f"{what}_total": n for n, what in enumerate(TOTALS, 200)}
    counters |= {f"actions_{what}_total.siren": n for n, what in enumerate(PER_ACTION, 400)}
    counters |= {"runs_total.cpu": 7, "tpu_lost_total.hang": 2}
    return Bulletin(
        device="porch",
        version="0.1",
        up_s=61.5,
        states={"camera.door": State("fault", "lost", 'no "answer"', "ping", 9.0), "disk": State()},
        counters=counters,
        gauges={name: float(n) for n, name in enumerate(FIGURES.split(), 300)},
        stages={"door": {"invoke": took(200, 256, 300, 400, 5_000_000)}},
        engines={"coco16-320": "cpu"},
    )


def read(bulletin: Bulletin) -> dict[tuple[str, tuple[str, ...]], float]:
    """Return name and label values of every sample to its value, as Prometheus's parser has it."""
    families = text_string_to_metric_families(exposition(bulletin).decode())
    return {
        (sample.name.removeprefix(PREFIX), tuple(sample.labels[k] for k in sorted(sample.labels))):
        sample.value
        for family in families for sample in family.samples
    }  # fmt: skip


def test_every_metric_is_exposed_where_there_is_something_to_tell() -> None:
    found = {name for name, _ in read(full())}
    assert {metric.name for metric in METRICS} - found == set()
    more = {f"{STAGES.name}_{end}" for end in ("bucket", "sum", "count")}
    assert found - {metric.name for metric in METRICS} == more


def test_what_was_counted_and_measured_is_what_is_exposed() -> None:
    samples = read(full())
    assert samples["frames_total", ("door",)] == 100
    assert samples["events_withheld_total", ("door",)] == 107
    assert samples["messages_acknowledged_total", ()] == 201
    assert samples["tpu_lost_total", ("hang",)] == 2
    assert samples["actions_total", ("siren",)] == 400
    assert samples["actions_skipped_total", ("siren",)] == 402
    assert samples["cpu_frequency_hertz", ()] == full().gauges["cpu_mhz"] * 1e6
    assert samples["engine_info", ("cpu", "coco16-320")] == 1
    assert samples["info", ("porch", "0.1")] == 1
    assert samples["uptime_seconds", ()] == 61.5


def test_a_part_is_in_exactly_one_state_and_its_cause_is_named() -> None:
    samples = read(full())
    levels = {level: samples["part_state", ("camera.door", level)] for level in ("ok", "fault")}
    assert levels == {"ok": 0, "fault": 1}
    assert samples["part_state", ("disk", "ok")] == 1
    assert [key for name, key in samples if name == "part_cause"] == [("lost", "camera.door")]
    assert samples["part_state_age_seconds", ("camera.door",)] == 9
    assert samples["healthy", ()] == 0


def test_a_stages_histogram_counts_what_was_shorter_and_loses_nothing() -> None:
    samples = read(full())
    bucket = {
        float(key[1]): n for (name, key), n in samples.items() if name == f"{STAGES.name}_bucket"
    }
    assert list(bucket) == sorted([*(edge / 1e6 for edge in EDGES_US), float("inf")])
    assert (bucket[0.000256], bucket[0.000384], bucket[0.000512]) == (1, 3, 4)
    assert (bucket[4.194304], bucket[float("inf")]) == (4, 5)
    assert list(bucket.values()) == sorted(bucket.values())
    assert samples[f"{STAGES.name}_count", ("door", "invoke")] == 5
    assert samples[f"{STAGES.name}_sum", ("door", "invoke")] == pytest.approx(5.001156)


def test_a_machine_that_tells_nothing_still_gives_metrics_that_can_be_read() -> None:
    found = {name for name, _ in read(Bulletin())}
    assert {"info", "healthy", "messages_published_total"} <= found
    assert "soc_temperature_celsius" not in found


def test_names_and_units_keep_to_prometheus_conventions() -> None:
    for metric in METRICS:
        assert re.fullmatch(r"[a-z][a-z_]*[a-z]", metric.name)
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert not re.search(r"_(ms|us|s|mhz|mb|kb|percent)(_|$)", metric.name)
        assert metric.text.endswith(".")


def test_promtool_finds_nothing_to_say_against_them() -> None:
    told = subprocess.run(
        [promtool(), "check", "metrics"], input=exposition(full()), capture_output=True, check=False
    )
    assert (told.returncode, told.stdout, told.stderr) == (0, b"", b"")


def rows() -> list[str]:
    told = [(m.name, m.kind, m.labels, m.text) for m in METRICS]
    told.append((STAGES.name, "histogram", STAGES.labels, STAGES.text))  # type: ignore[arg-type]
    return [
        f"| `{PREFIX}{name}` | {kind} | {' '.join(f'`{label}`' for label in labels)} | {text} |"
        for name, kind, labels, text in told
    ]


def test_the_page_of_metrics_is_the_table_they_are_made_from() -> None:
    page = [line for line in PAGE.read_text().splitlines() if line.startswith(f"| `{PREFIX}")]
    assert page == rows()
