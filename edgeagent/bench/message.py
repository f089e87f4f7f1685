"""One message for the topic ``bench``, so that devices can be compared from afar."""

from edgeagent.bench.report import Report
from edgeagent.bench.verdict import together
from edgeagent.link import Payload
from edgeagent.wire import json
from edgeagent.wire.device import bench_fields
from edgeagent.wire.encodings import Encode

TOPIC = "bench"
_STAGES = 16
_TEXT = 128


def message(report: Report, device: str, encode: Encode = json.encode) -> Payload:
    """Return what is published of ``report``: 500 to 900 bytes."""
    row, environment = report.headline.figures, report.environment
    facts: dict[str, object] = {
        "sc": report.scenario,
        "agent": report.agent,
        "model": report.model,
        "eng": report.engine,
        "board": environment.board[:_TEXT],
        "sim": report.simulated,
        "n": row.n,
        **{name: _short(getattr(row, name)) for name in ("p50", "p90", "p99", "max")},
        "load": _short(report.load_ms),
        "first": _short(report.first_ms),
        "st": {name: _short(one.p50) for name, one in list(report.stages.items())[:_STAGES]},
        "soc": environment.hottest_c,
        "thr": environment.throttled,
    }
    kept = {name: fact for name, fact in facts.items() if fact or name in ("p50", "p90", "p99")}
    if report.verdicts:
        kept["ok"] = together(report.verdicts)
    return encode("bench", bench_fields(device, report.at_ms, kept))


def _short(ms: float) -> float:
    return round(ms, 3)
