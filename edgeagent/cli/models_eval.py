"""``edgeagent models eval``: how good a model is, slice by slice, and whether that will do."""

import argparse
import sys
from pathlib import Path
from typing import Any

import msgspec

from edgeagent import assembly
from edgeagent.atomic import write_whole
from edgeagent.cli.progress import Shown
from edgeagent.cli.replay import chosen_config
from edgeagent.config import ModelConfig
from edgeagent.edgetpu import LIBRARY
from edgeagent.engines import Engine
from edgeagent.errors import AcceleratorError, UsageError
from edgeagent.model import Bundle

DEVICES = ("cpu", "usb", "usb:0", "usb:1", "pci", "pci:0", "pci:1")


def add_arguments(ways: Any) -> None:  # noqa: ANN401
    """Say what it takes."""
    text = "measure a model on pictures of which it is known what is in them"
    parser: argparse.ArgumentParser = ways.add_parser("eval", help=text, description=text)
    parser.add_argument("bundle", metavar="BUNDLE", help="by name, or a folder with a slash")
    parser.add_argument(
        "data", type=Path, metavar="DATA",
        help="a folder with one for each class, COCO's .json, a .csv; or pictures, or a clip, "
        "with --csv",
    )  # fmt: skip
    parser.add_argument(
        "--csv", type=Path, metavar="FILE",
        help="what is in them: file,label,left,top,right,bottom and any columns, in pixels; or "
        "MOT's rows frame,id,left,top,width,height",
    )  # fmt: skip
    parser.add_argument("--label", default="person", help="what MOT's rows are of")
    parser.add_argument(
        "--identity", action="store_true",
        help="the label is which one it is (the column id): for models that make vectors",
    )  # fmt: skip
    parser.add_argument(
        "--every", type=int, default=1, metavar="N", help="only each N-th frame of a clip"
    )
    parser.add_argument(
        "--known-only", action="store_true", help="leave out what the model has no label for"
    )
    parser.add_argument(
        "--slice", action="append", default=[], metavar="COLUMN",
        help="class, size, or a column; A,B crosses two; may be given often",
    )  # fmt: skip
    _add_ways(parser)
    parser.set_defaults(go=run)


def _add_ways(parser: argparse.ArgumentParser) -> None:
    """Say what runs it, what it is held against, and where that is told."""
    parser.add_argument("--device", choices=DEVICES, default="cpu", help="what runs it")
    parser.add_argument(
        "--float", type=Path, metavar="FILE", help="a float .tflite in the place of the bundle's"
    )
    parser.add_argument("--library", default="", help="libedgetpu; default: as in the settings")
    parser.add_argument(
        "--config", type=Path, help="settings file, for [model]; default: the defaults"
    )
    parser.add_argument("--against", type=Path, metavar="REPORT.json", help="the last good report")
    parser.add_argument(
        "--max-worse", type=float, default=0.02, metavar="X",
        help="status 1 if a figure of any slice is worse by more; 0 to 1",
    )  # fmt: skip
    parser.add_argument("--report", type=Path, metavar="FILE.json", help="write it there as well")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw it (extra: plot)")


def run(options: argparse.Namespace) -> int:
    """Measure, print, keep; exit 1 where a slice is worse than the last good report allows."""
    from edgeagent.evaluation.report import read_good, worse

    _check(options)
    good = read_good(options.against) if options.against else None
    report = _measured(options)
    print(report.json() if options.json else "\n".join(report.lines()))
    if options.plot:
        _plot(report, options.plot)
    told = worse(report, good, options.max_worse) if good else []
    if good and good.data != report.data:
        print(f"{good.file}: was measured on other pictures", file=sys.stderr)
    for line in told:
        print(f"worse: {line}", file=sys.stderr)
    if options.report:
        _keep(report, options.report)
    return 1 if told else 0


def _check(options: argparse.Namespace) -> None:
    if not 0 <= options.max_worse <= 1:
        raise UsageError(f"--max-worse {options.max_worse:g}: must be 0 to 1")
    if options.every < 1:
        raise UsageError(f"--every {options.every}: must be 1 or more")
    if options.float and options.device != "cpu":
        raise UsageError("--float runs on the CPU; leave out --device")


def _measured(options: argparse.Namespace) -> Any:  # noqa: ANN401
    from edgeagent.evaluation import asking, truth
    from edgeagent.evaluation.evaluate import judge
    from edgeagent.evaluation.reading import read_truth
    from edgeagent.evaluation.slices import slices

    config = _config(options)
    bundle = assembly.find(config, options.bundle)
    known = read_truth(options.data, options.csv, options.label, options.every)
    if options.identity:
        known = truth.by_identity(known)
    known = truth.fitting(
        known, bundle.labels, bundle.task, options.known_only, asking.broken(known)
    )
    parts = slices(known, options.slice)
    engine = _engine(options, config, bundle)
    try:
        with Shown("pictures") as progress:
            answers = asking.ask(engine, known, progress)
    finally:
        engine.close()
    name = "float" if options.float else answers.engine
    return judge(bundle, engine.file, name, known, answers, parts)


def _config(options: argparse.Namespace) -> ModelConfig:
    """Return the settings: no other engine may answer in the place of the one that is judged."""
    config = chosen_config(options.config).model
    library = options.library or (config.library if options.config else LIBRARY)
    return msgspec.structs.replace(
        config, name=options.bundle, vector="", device=options.device, fallback="none",
        library=library,
    )  # fmt: skip


def _engine(options: argparse.Namespace, config: ModelConfig, bundle: Bundle) -> Engine:
    if options.float:
        from edgeagent.engines import open_engine
        from edgeagent.engines.trial import ensure_tried
        from edgeagent.evaluation.twin import float_twin

        twin = float_twin(bundle, options.float)
        ensure_tried(twin.cpu_file(), None, config.runtime)
        return open_engine(twin, "cpu", config.runtime, config.threads)
    engine = assembly.open_engines(config).look
    if engine is None:
        raise AcceleratorError(f"{options.device}: nothing answers", cause="no_device")
    return engine


def _keep(report: Any, file: Path) -> None:  # noqa: ANN401
    try:
        write_whole(file, report.json().encode() + b"\n")
    except OSError as error:
        raise UsageError(f"--report {file}: {error.strerror}") from error


def _plot(report: Any, file: Path) -> None:  # noqa: ANN401
    from edgeagent.plot import Spans, draw_spans

    names = [f"{one.slice} ({one.examples})" for one in report.slices]
    figures = {
        metric: [
            (one.metrics[metric].value, one.metrics[metric].low, one.metrics[metric].high)
            for one in report.slices
        ]
        for metric in report.slices[0].metrics
    }
    sim = ", EDGETPU-SIM" if report.engine == "sim" else ""
    draw_spans(Spans(f"{report.model} on {report.engine}{sim}", names, figures), file)
