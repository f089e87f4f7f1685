"""The bulletin as Prometheus reads it; every metric there is, its unit and its meaning.

docs/metrics.md is the same table for people; a test holds the two together.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from edgeagent.bulletin import LEVELS, Bulletin

if TYPE_CHECKING:
    from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
    from prometheus_client.metrics_core import Metric as Family

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Of `exposition`, for whoever serves it."""
PREFIX = "edgeagent_"
EDGES_US = tuple(sorted([1 << k for k in range(8, 23)] + [3 << k for k in range(7, 21)]))
"""Two buckets an octave from 256 us to 4.2 s: edges that our own histograms have, too, so that
nothing is estimated."""

Samples = Iterable[tuple[tuple[str, ...], float]]
"""Values of the labels, and what was measured."""
Of = Callable[[Bulletin], Samples]


class Metric(NamedTuple):
    """One metric."""

    name: str
    """Without `PREFIX`; a counter's ends in ``_total``."""
    kind: Literal["counter", "gauge"]
    text: str
    labels: tuple[str, ...]
    of: Of


class Stages(NamedTuple):
    """The one histogram."""

    name: str
    text: str
    labels: tuple[str, ...]


STAGES = Stages(
    "stage_duration_seconds",
    "How long each stage took for a frame; source is the wait for the frame.",
    ("camera", "stage"),
)


def exposition(bulletin: Bulletin) -> bytes:
    """Return the bulletin in Prometheus's text format 0.0.4; see `CONTENT_TYPE`."""
    # Imported here: 1 MB and a tenth of a second that an agent nobody scrapes need not pay.
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Told(bulletin))
    return generate_latest(registry)


class _Told:
    """A bulletin as prometheus_client collects one."""

    def __init__(self, bulletin: Bulletin) -> None:
        self._bulletin = bulletin

    def collect(self) -> Iterator["Family"]:
        """Yield every metric of which there is something to tell."""
        for metric in METRICS:
            family = _family(metric)
            for labels, value in metric.of(self._bulletin):
                family.add_metric(labels, value)
            if family.samples:
                yield family
        yield _stages(self._bulletin)


def _family(metric: Metric) -> "GaugeMetricFamily | CounterMetricFamily":
    from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    return kind(PREFIX + metric.name, metric.text, labels=metric.labels)


def _stages(bulletin: Bulletin) -> "Family":
    from prometheus_client.metrics_core import HistogramMetricFamily

    family = HistogramMetricFamily(PREFIX + STAGES.name, STAGES.text, labels=STAGES.labels)
    names = [*(str(edge / 1e6) for edge in EDGES_US), "+Inf"]
    for camera, stages in bulletin.stages.items():
        for stage, histogram in stages.items():
            counts = [*histogram.below(EDGES_US), histogram.count]
            buckets = list(zip(names, counts, strict=True))
            family.add_metric((camera, stage), buckets, histogram.sum_us / 1e6)
    return family


# --- where each comes from


def _counter(name: str) -> Of:
    """Return the counter ``name``, 0 until it is first raised."""
    return lambda bulletin: [((), bulletin.counters.get(name, 0))]


def _counters(name: str) -> Of:
    """Return the counters ``name.<label>``."""
    return lambda bulletin: _labelled(name, bulletin.counters.items())


def _gauge(name: str, factor: float = 1) -> Of:
    """Return the gauge ``name``, nothing where this machine does not tell it."""

    def of(bulletin: Bulletin) -> Samples:
        value = bulletin.gauges.get(name)
        return [] if value is None else [((), value * factor)]

    return of


def _gauges(name: str) -> Of:
    """Return the gauges ``name.<label>``."""
    return lambda bulletin: _labelled(name, bulletin.gauges.items())


def _labelled(name: str, found: Iterable[tuple[str, float]]) -> Samples:
    start = f"{name}."
    return [((full.removeprefix(start),), value) for full, value in found if full.startswith(start)]


def _states(bulletin: Bulletin) -> Samples:
    return [
        ((part, level), float(state.level == level))
        for part, state in bulletin.states.items()
        for level in LEVELS
    ]


def _ages(bulletin: Bulletin) -> Samples:
    return [((part,), state.age_s) for part, state in bulletin.states.items()]


def _causes(bulletin: Bulletin) -> Samples:
    return [((part, state.code), 1.0) for part, state in bulletin.unwell.items()]


def _engines(bulletin: Bulletin) -> Samples:
    return [((model, engine), 1.0) for model, engine in bulletin.engines.items()]


# One metric, one entry, on one page: the table is set by hand.
# fmt: off
METRICS: Sequence[Metric] = (
    Metric("info", "gauge", "Always 1.", ("device", "version"), lambda b: [((b.device, b.version), 1)]),
    Metric("uptime_seconds", "gauge", "Since the agent began.", (), lambda b: [((), b.up_s)]),
    Metric("healthy", "gauge", "1 without a fault, else 0.", (), lambda b: [((), b.level != "fault")]),
    Metric("part_state", "gauge", "1 for the state the part is in: ok, warning or fault.", ("part", "state"), _states),
    Metric("part_state_age_seconds", "gauge", "For how long the part has been as it is.", ("part",), _ages),
    Metric("part_cause", "gauge", "1 for each part that is not ok; docs/health.md has the causes.", ("part", "cause"), _causes),
    Metric("frames_total", "counter", "Frames that were taken.", ("camera",), _counters("frames_total")),
    Metric("frames_moved_total", "counter", "Frames in which something moved.", ("camera",), _counters("moved_total")),
    Metric("frames_dropped_total", "counter", "Frames that came while the last was looked at, or were broken.", ("camera",), _counters("dropped_total")),
    Metric("frames_unseen_total", "counter", "Frames that no engine answered for.", ("camera",), _counters("unseen_total")),
    Metric("looks_total", "counter", "Regions of frames that a model looked at.", ("camera",), _counters("looks_total")),
    Metric("looks_asked_total", "counter", "Looks that somebody asked for.", ("camera",), _counters("asked_total")),
    Metric("events_total", "counter", "Events that were put into the outbox.", ("camera",), _counters("events_total")),
    Metric("events_withheld_total", "counter", "Times that there was news and events.per_minute forbade it.", ("camera",), _counters("withheld_total")),
    Metric("camera_silent_seconds", "gauge", "Since the camera's last frame, or since it was begun.", ("camera",), _gauges("silent_s")),
    Metric("camera_paused", "gauge", "1 while it is paused.", ("camera",), _gauges("paused")),
    Metric("engine_info", "gauge", "1 for what runs each model now: cpu, tpu, none.", ("model", "engine"), _engines),
    Metric("engine_runs_total", "counter", "Runs of a model.", ("engine",), _counters("runs_total")),
    Metric("tpu_up", "gauge", "1 while the Edge TPU is there.", ("tpu",), _gauges("tpu")),
    Metric("tpu_open_seconds", "gauge", "How long its last opening took.", ("tpu",), _gauges("tpu_open_s")),
    Metric("tpu_lost_total", "counter", "Times that an Edge TPU was lost.", ("cause",), _counters("tpu_lost_total")),
    Metric("outbox_pending_events", "gauge", "Events that the broker does not have yet.", (), _gauge("outbox_depth")),
    Metric("outbox_stored_bytes", "gauge", "Size of the outbox.", (), _gauge("outbox_bytes")),
    Metric("outbox_limit_bytes", "gauge", "Most that it may take: outbox.max_bytes.", (), _gauge("outbox_max_bytes")),
    Metric("outbox_lost_total", "counter", "Events given up: no room, too old, or refused.", (), _gauge("outbox_lost")),
    Metric("outbox_refused_total", "counter", "Notices refused for want of room.", (), _gauge("outbox_refused")),
    Metric("outbox_written_bytes_total", "counter", "Written to the disk for it.", (), _gauge("outbox_written_bytes")),
    Metric("link_up", "gauge", "1 while there is a connection to the broker.", (), _gauge("link_up")),
    Metric("messages_published_total", "counter", "Messages sent at QoS 1, repeats included.", (), _counter("published_total")),
    Metric("messages_acknowledged_total", "counter", "Messages the broker has taken.", (), _counter("puback_total")),
    Metric("messages_refused_total", "counter", "Messages given up for the broker's refusal.", (), _counter("refused_total")),
    Metric("messages_denied_total", "counter", "Times the broker did not let the account publish.", (), _counter("denied_total")),
    Metric("commands_total", "counter", "Orders that were done.", (), _counter("commands_total")),
    Metric("commands_refused_total", "counter", "Orders that were answered with a no.", (), _counter("commands_refused_total")),
    Metric("commands_ignored_total", "counter", "Orders that were not answered at all.", (), _counter("commands_ignored_total")),
    Metric("actions_total", "counter", "Local actions that were done.", ("action",), _counters("actions_done_total")),
    Metric("actions_failed_total", "counter", "Local actions that failed, or were ended at their time limit.", ("action",), _counters("actions_failed_total")),
    Metric("actions_skipped_total", "counter", "Times that an action was passed over: too soon, or for a newer event.", ("action",), _counters("actions_skipped_total")),
    Metric("clock_synchronised", "gauge", "1 once a time server has set the clock.", (), _gauge("clock_set")),
    Metric("soc_temperature_celsius", "gauge", "The hottest of the board's sensors.", (), _gauge("soc_c")),
    Metric("cpu_frequency_hertz", "gauge", "Mean over the cores.", (), _gauge("cpu_mhz", 1e6)),
    Metric("under_voltage", "gauge", "1 while the supply's voltage is too low.", (), _gauge("under_voltage")),
    Metric("throttled", "gauge", "1 while the firmware throttles.", (), _gauge("throttled")),
    Metric("disk_free_bytes", "gauge", "Free where the outbox is.", (), _gauge("disk_free_bytes")),
    Metric("disk_size_bytes", "gauge", "Size of that file system.", (), _gauge("disk_size_bytes")),
    Metric("device_written_bytes_total", "counter", "Written to the whole card or disk since the board began, by whomever.", (), _gauge("device_written_bytes")),
    Metric("resident_memory_bytes", "gauge", "Memory the agent holds, its engines' processes not counted.", (), _gauge("resident_bytes")),
    Metric("cpu_seconds_total", "counter", "Processor time the agent took, its engines' processes not counted.", (), _gauge("cpu_s")),
)
# fmt: on
