"""``edgeagent bench``: how long each stage takes on this machine, and whether that is good."""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from edgeagent import assembly, clips
from edgeagent.bench.closed import offline, single, soak
from edgeagent.bench.cold import cold
from edgeagent.bench.found import Found, Plan, report
from edgeagent.bench.guard import guard
from edgeagent.bench.history import is_worth, keep
from edgeagent.bench.judge import judged, read_baseline
from edgeagent.bench.message import TOPIC, message
from edgeagent.bench.paced import rate
from edgeagent.bench.pipeline import pipeline
from edgeagent.bench.report import Report, read_report, report_schema
from edgeagent.bench.river import Progress
from edgeagent.bench.show import compared, table
from edgeagent.bench.swap import swap
from edgeagent.bench.verdict import together
from edgeagent.brokers import personal
from edgeagent.cli.amounts import duration_ms, share
from edgeagent.cli.bench_live import beside, run_live
from edgeagent.cli.progress import Shown
from edgeagent.cli.replay import chosen_config
from edgeagent.cli.run import state_folder
from edgeagent.config import Config, ModelConfig
from edgeagent.edgetpu import LIBRARY
from edgeagent.errors import LinkError, UsageError
from edgeagent.identity import client_id
from edgeagent.mqtt.once import publish_once
from edgeagent.wire.encodings import encoder

Scenario = Callable[[Plan, Progress], Found]

SCENARIOS = {
    "single": "one frame after the other, the next when the last is done",
    "rate": "frames at a fixed rate; a frame's time runs from when it was due",
    "offline": "flat out, decoding included: what the machine can do at most",
    "pipeline": "every stage apart, to the broker's acknowledgement",
    "swap": "two models in turn on one engine",
    "soak": "ten minutes: does it keep its pace when it is warm",
    "cold": "from the start of the process to READY",
}
OTHERS = {
    "compare": "two reports side by side",
    "schema": "the JSON Schema of a report",
}
RUNS = {"cold": 5, "swap": 200}
"""Where another number than 100 is sensible."""
SOAK_S = 600.0
SECOND_MODEL = "embed88-128"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    words = {**SCENARIOS, **OTHERS}
    told = "; ".join(f"{name}: {text}" for name, text in words.items())
    parser.add_argument("scenario", nargs="?", default="single", choices=list(words), help=told)
    parser.add_argument("files", nargs="*", type=Path, help="compare: two reports")
    parser.add_argument("--runs", type=int, help="how often the model runs; default 100")
    parser.add_argument("--seconds", type=float, help="soak, --live: how long; soak: 600")
    parser.add_argument("--rate", type=float, default=10.0, help="rate: frames a second")
    parser.add_argument("--clip", type=Path, help="what to look at; default: the demo's clip")
    parser.add_argument("--config", type=Path, help="settings file; default: the defaults")
    parser.add_argument("--model", help="bundle, by name or folder")
    parser.add_argument("--vector", help="swap: the second bundle")
    parser.add_argument("--device", help="where to run it, as [model] device says: cpu, usb, ...")
    parser.add_argument(
        "--live", action="store_true", help="ask the running agent for its own times instead"
    )
    parser.add_argument("--camera", help="--live: its name; default: all of them together")
    parser.add_argument("--max-p90", type=duration_ms, metavar="5ms", help="status 1 if slower")
    parser.add_argument("--baseline", type=Path, metavar="FILE", help="a report to compare with")
    parser.add_argument(
        "--max-regress", type=share, default=0.1, metavar="10%%", help="status 1 if slower by more"
    )
    parser.add_argument("--json", action="store_true", help="the report as JSON, on one line")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw it (extra: plot)")
    parser.add_argument("--publish", action="store_true", help="tell the broker of --config, too")
    parser.add_argument("--state", type=Path, help="where the history is; default: as for run")
    parser.add_argument("--no-history", action="store_true", help="do not keep the report")
    parser.add_argument("--library", default=LIBRARY, help=argparse.SUPPRESS)


def run(options: argparse.Namespace) -> int:
    """Measure, print and judge; exit 0, 1 (too slow, or wrong answers) or 2 (too noisy to say)."""
    if options.live:
        return run_live(options)
    if options.scenario == "schema":
        print(report_schema())
        return 0
    if options.scenario == "compare":
        return _compare(options.files)
    _check(options)
    baseline = read_baseline(options.baseline, options.scenario) if options.baseline else None
    config = _on(options.device, chosen_config(options.config, options.model, _second(options)))
    if options.publish and not config.mqtt.host:
        raise UsageError("--publish needs a broker: name a settings file with --config")
    notes = beside(options, config)
    found, made = _measured(options, config)
    made = msgspec.structs.replace(made, notes=(*made.notes, *notes))
    made = judged(made, options.max_p90, baseline, options.max_regress)
    print(msgspec.json.encode(made).decode() if options.json else table(made))
    if options.plot:
        _plot(made, found, options.plot)
    _keep(options, made)
    if options.publish:
        _publish(options, config, made)
    return together(made.verdicts)


def _compare(files: list[Path]) -> int:
    if len(files) != 2:
        raise UsageError(f"compare takes two reports, {len(files)} were named")
    one, other = files
    print(compared(read_report(one), read_report(other), (one.stem, other.stem)))
    return 0


def _check(options: argparse.Namespace) -> None:
    limits = {"runs": (1, 10_000_000), "seconds": (1, 86_400), "rate": (0.1, 1000)}
    for name, (low, high) in limits.items():
        value = getattr(options, name)
        if value is not None and not low <= value <= high:
            raise UsageError(f"--{name} {value:g}: must be {low:g} to {high:g}")
    if options.camera:
        raise UsageError("--camera is for --live; name what to look at with --clip")
    if options.files:
        raise UsageError(f"{options.scenario} takes no file; did you mean compare?")


def _second(options: argparse.Namespace) -> str | None:
    vector: str | None = options.vector
    return vector or (SECOND_MODEL if options.scenario == "swap" else None)


def _on(device: str | None, config: Config) -> Config:
    """Return ``config`` with the models on ``device``.

    Raises:
        UsageError: there is no such kind of device.
    """
    if device is None:
        return config
    try:
        table = {**msgspec.structs.asdict(config.model), "device": device}
        return msgspec.structs.replace(config, model=msgspec.convert(table, ModelConfig))
    except msgspec.ValidationError:
        raise UsageError(f"--device {device}: see [model] device; cpu, usb, pci, auto") from None


def _measured(options: argparse.Namespace, config: Config) -> tuple[Found, Report]:
    engines = assembly.open_engines(config.model)
    try:
        plan = Plan(
            options.scenario,
            options.clip or clips.demo(),
            config,
            engines,
            runs=options.runs or RUNS.get(options.scenario, 100),
            seconds=options.seconds or SOAK_S,
            rate_per_s=options.rate,
            library=options.library or config.model.library,
        )
        agreed = guard(engines.look) if engines.look else None
        with Shown(options.scenario) as progress:
            found = _scenario(options)(plan, progress)
        made = report(plan, found, agreed)
    finally:
        for engine in engines.all():
            engine.close()
    return found, made


def _scenario(options: argparse.Namespace) -> Scenario:
    plain: dict[str, Scenario] = {
        "single": single,
        "rate": rate,
        "offline": offline,
        "swap": swap,
        "soak": soak,
        "cold": cold,
    }
    return plain.get(options.scenario, _with_broker)


def _with_broker(plan: Plan, progress: Progress) -> Found:
    """Run the pipeline to the embedded broker, where the extra ``demo`` is installed."""
    from edgeagent.demo import embedded_broker

    with tempfile.TemporaryDirectory(prefix="edgeagent-bench-") as name:
        folder = Path(name)
        try:
            with embedded_broker(folder) as port:
                return pipeline(plan, progress, folder / "outbox", port)
        except LinkError:
            return pipeline(plan, progress, folder / "memory", None)


def _plot(made: Report, found: Found, file: Path) -> None:
    from edgeagent.plot import Times, draw_times

    sim = ", EDGETPU-SIM" if made.simulated else ""
    title = f"{made.scenario}: {made.model} on {made.engine}{sim}, {made.environment.board}"
    draw_times(Times(title, found.what, found.durations_ms), file)


def _keep(options: argparse.Namespace, made: Report) -> None:
    if options.no_history or not is_worth(made):
        return
    state = options.state or state_folder()
    try:
        keep(made, state)
    except OSError as error:
        print(f"edgeagent: {state}: the report is not kept: {error.strerror}", file=sys.stderr)


def _publish(options: argparse.Namespace, config: Config, made: Report) -> None:
    mqtt = personal(config)
    who = f"{mqtt.client_id or client_id(options.state or state_folder())}-bench"
    told = message(made, config.device_name, encoder(mqtt.encoding, mqtt.prefix))
    publish_once(mqtt, who, f"{mqtt.prefix}/{TOPIC}", told)
