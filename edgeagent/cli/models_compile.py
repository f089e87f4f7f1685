"""``edgeagent models compile`` and ``add-compiled``: a bundle gets a file for the Edge TPU."""

import argparse
import tempfile
from pathlib import Path
from typing import Any

from edgeagent import assembly
from edgeagent.cli.replay import chosen_config
from edgeagent.errors import UsageError
from edgeagent.model import Bundle

NOT_COMPILED = 3
"""Exit status where there is no compiler: the bundle is as good as it was, and has no such file."""


def add_arguments(ways: Any) -> None:  # noqa: ANN401
    """Say what they take."""
    text = "compile a bundle's model for the Edge TPU and add the file to the bundle"
    parser: argparse.ArgumentParser = ways.add_parser("compile", help=text, description=text)
    _add_bundle(parser)
    parser.add_argument(
        "--compiler", type=Path, metavar="FILE", help="edgetpu_compiler; default: on the PATH"
    )
    parser.add_argument(
        "--limit", type=float, default=600.0, metavar="S", help="longest it may take, in seconds"
    )
    parser.set_defaults(go=run)
    text = "add a file to a bundle that was compiled elsewhere, with its compiler's log"
    added: argparse.ArgumentParser = ways.add_parser("add-compiled", help=text, description=text)
    _add_bundle(added)
    added.add_argument("file", type=Path, metavar="FILE", help="what edgetpu_compiler made")
    added.add_argument(
        "--log", type=Path, metavar="FILE", help="what it printed; default: FILE.log beside it"
    )
    added.set_defaults(go=run_add)


def _add_bundle(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", metavar="BUNDLE", help="by name, or a folder with a slash")
    parser.add_argument(
        "--into", type=Path, metavar="FOLDER", help="where it is to stand; default: where it is"
    )
    parser.add_argument("--config", type=Path, help="settings file, for where bundles are")
    parser.add_argument(
        "--replace", action="store_true", help="in the place of a compiled file that is there"
    )


def run(options: argparse.Namespace) -> int:
    """Compile; exit 3 where there is no compiler, with what the published table says."""
    from edgeagent.compiling.compiler import compile_model, find_compiler

    if not 1 <= options.limit <= 86_400:
        raise UsageError(f"--limit {options.limit:g}: must be 1 to 86400 seconds")
    bundle = _bundle(options)
    compiler = find_compiler(options.compiler)
    if compiler is None:
        return _foretell(bundle)
    with tempfile.TemporaryDirectory(prefix="edgeagent-compile-") as name:
        made = compile_model(compiler, bundle.cpu_file().path, Path(name), options.limit)
        print("\n".join(made.log.lines()))
        _add(options, bundle, made.path, made.log.told())
    return 0


def run_add(options: argparse.Namespace) -> int:
    """Add a compiled file."""
    from edgeagent.compiling.log import read_log

    log: Path = options.log or options.file.with_suffix(".log")
    told: dict[str, object] = {}
    if options.log or log.is_file():
        try:
            read = read_log(log.read_text(errors="replace"))
        except OSError as error:
            raise UsageError(f"--log {log}: {error.strerror}") from error
        print("\n".join(read.lines()))
        told = read.told()
    _add(options, _bundle(options), options.file, told)
    return 0


def _bundle(options: argparse.Namespace) -> Bundle:
    return assembly.find(chosen_config(options.config).model, options.bundle)


def _add(options: argparse.Namespace, bundle: Bundle, file: Path, told: dict[str, object]) -> None:
    from edgeagent.compiling.merge import add_compiled

    into = options.into or bundle.folder.resolve().parent
    whole = add_compiled(bundle, file, into, told, options.replace)
    size_bytes = whole.files["edgetpu"].size_bytes
    print(f"{whole.folder}: has a file for the Edge TPU now, {size_bytes:,} bytes")


def _foretell(bundle: Bundle) -> int:
    """Say what the published table lets one expect."""
    from edgeagent.adding.anatomy import examine
    from edgeagent.compiling.table import forecast, forecast_lines

    print("not compiled: no edgetpu_compiler on the PATH, and none named with --compiler; it is")
    print("Google's, for x86-64. Compile there, then: edgeagent models add-compiled BUNDLE FILE")
    print("\n".join(forecast_lines(forecast(examine(bundle.cpu_file().path)))))
    return NOT_COMPILED
