"""``scripts/pipeline``: run it here, sweep, or compile it for a cluster."""

import argparse
import json
import sys
from importlib.util import find_spec
from pathlib import Path

from edgeagent.errors import EdgeagentError, UsageError
from edgeagent.workshop.pipeline.running import FOLDER, compile_to, run_here, say


def main(argv: list[str] | None = None) -> int:
    """Do what is asked; the statuses are the agent's own."""
    options = _parser().parse_args(argv)
    try:
        if find_spec("kfp") is None:
            raise UsageError("Kubeflow Pipelines is not installed here: scripts/setup pipeline")
        status: int = options.go(options)
    except EdgeagentError as error:
        say(f"pipeline: {error}")
        return error.exit_status
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/pipeline", description=__doc__)
    ways = parser.add_subparsers(required=True, metavar="WAY")
    for name, pipeline, text in (
        ("run", "road", "from pictures to a published bundle, on this machine"),
        ("sweep", "sweep", "several plans compared on one page, on this machine"),
    ):
        way = ways.add_parser(name, help=text, description=text)
        source = way.add_mutually_exclusive_group(required=True)
        source.add_argument("source", nargs="?", help="a folder of pictures")
        source.add_argument("--example", action="store_true", help="pictures that are generated")
        way.add_argument("--work", type=Path, default=Path("pipeline-work"), metavar="FOLDER",
                         help="what steps make stays here, and the registry")  # fmt: skip
        way.add_argument("--set", action="append", default=[], metavar="NAME=VALUE",
                         help="an argument of the pipeline, as JSON or text")  # fmt: skip
        way.set_defaults(go=_run, pipeline=pipeline)
    way = ways.add_parser("compile", help="write Kubeflow's YAML of both")
    way.add_argument("into", nargs="?", type=Path, default=FOLDER, metavar="FOLDER")
    way.set_defaults(go=_compile)
    return parser


def _run(options: argparse.Namespace) -> int:
    arguments = dict(_argument(text) for text in options.set)
    source = "example" if options.example else str(Path(options.source).resolve())
    arguments["source"] = source
    if options.pipeline == "road":
        where = str(arguments.get("registry", options.work / "registry"))
        # Steps run elsewhere: a relative folder would be another one there.
        arguments["registry"] = where if "://" in where else str(Path(where).resolve())
    folder = run_here(options.pipeline, arguments, options.work.resolve() / "runs")
    print(f"made: {folder}")
    for path in sorted([*folder.glob("bundle*/bundle/*"), *folder.glob("compare*/page*")]):
        print(f"made: {path}")
    if "registry" in arguments:
        print(f"published in: {arguments['registry']}")
    return 0


def _argument(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--set {text}: give NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _compile(options: argparse.Namespace) -> int:
    for name in ("road", "sweep"):
        compile_to(name, options.into / f"{name}.yaml")
        print(f"made: {options.into / name}.yaml")
    return 0


if __name__ == "__main__":
    sys.exit(main())
