"""``edgeagent models serve``: bundles behind KServe's v2 protocol, in the cloud."""

import argparse
from pathlib import Path
from typing import Any

from edgeagent import assembly
from edgeagent.cli.replay import chosen_config
from edgeagent.config import Config
from edgeagent.engines import Engine, open_engine
from edgeagent.engines.trial import ensure_tried
from edgeagent.errors import RuntimeRefusedError, UsageError
from edgeagent.model import Bundle

FLOAT = "-float"
"""What a float twin is called: as the bundle, and this."""


def add_arguments(ways: Any) -> None:  # noqa: ANN401
    """Say what it takes."""
    text = "answer for models by KServe's v2 protocol (extra: serve)"
    parser: argparse.ArgumentParser = ways.add_parser("serve", help=text, description=text)
    parser.add_argument(
        "bundles", nargs="+", metavar="BUNDLE", help="by name, or a folder with a slash"
    )
    parser.add_argument(
        "--float", type=Path, metavar="FILE",
        help="serve the float model the first bundle was quantised from, too, as NAME-float: a "
        ".tflite, or with TensorFlow a .keras or a SavedModel's folder",
    )  # fmt: skip
    parser.add_argument(
        "--host", default="127.0.0.1", help="listen here; default: this machine alone"
    )
    parser.add_argument("--port", type=int, default=8080, help="0: any that is free")
    parser.add_argument(
        "--body-mb", type=int, default=16, metavar="N", help="longest request, 1 to 1024 MiB"
    )
    parser.add_argument("--config", type=Path, help="settings file, for [model] and [events]")
    parser.add_argument(
        "--yaml", action="store_true", help="print what tells a cluster to serve the first bundle"
    )
    parser.add_argument("--image", default="", help="for --yaml: the container's image")
    parser.add_argument("--storage", default="", metavar="URI", help="for --yaml: the bundle's")
    parser.set_defaults(go=run)


def run(options: argparse.Namespace) -> int:
    """Serve until asked to stop."""
    _check(options)
    config = chosen_config(options.config)
    bundles = [assembly.find(config.model, name) for name in options.bundles]
    if options.yaml:
        from edgeagent.serving.service import inference_service

        print(inference_service(bundles[0], options.image, options.storage), end="")
        return 0
    serve = _server()
    serve(_models(options, config, bundles), options.host, options.port, options.body_mb << 20)
    return 0


def _check(options: argparse.Namespace) -> None:
    if not 0 <= options.port <= 65535:
        raise UsageError(f"--port {options.port}: must be 0 to 65535")
    if not 1 <= options.body_mb <= 1024:
        raise UsageError(f"--body-mb {options.body_mb}: must be 1 to 1024")


def _server() -> Any:  # noqa: ANN401
    try:
        from edgeagent.serving.server import serve
    except ImportError as error:
        raise RuntimeRefusedError(
            f"the model server wants the extra 'serve' ({error}): scripts/setup serve, then "
            ".venv-train/bin/edgeagent models serve"
        ) from error
    return serve


def _models(options: argparse.Namespace, config: Config, bundles: list[Bundle]) -> list[Any]:
    from edgeagent.serving.answering import Served

    opened = [(bundle.name, *_quantised(config, bundle)) for bundle in bundles]
    if options.float:
        opened.append((bundles[0].name + FLOAT, *_float(config, bundles[0], options.float)))
    names = [name for name, _, _ in opened]
    if twice := {name for name in names if names.count(name) > 1}:
        raise UsageError(f"{', '.join(sorted(twice))}: two models of one name; leave one out")
    events = config.events
    return [
        Served(name, engine, events.threshold, events.top, platform)
        for name, engine, platform in opened
    ]


def _quantised(config: Config, bundle: Bundle) -> tuple[Engine, str]:
    ensure_tried(bundle.cpu_file(), None, config.model.runtime)
    return open_engine(bundle, "cpu", config.model.runtime, config.model.threads), "tflite"


def _float(config: Config, bundle: Bundle, path: Path) -> tuple[Engine, str]:
    """Open the float twin by what it is kept in."""
    from edgeagent.evaluation.twin import float_twin
    from edgeagent.serving.trained import is_trained, open_trained, platform_of

    if is_trained(path):
        return open_trained(bundle, path), platform_of(path)
    return _quantised(config, float_twin(bundle, path))
