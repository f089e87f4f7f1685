"""``edgeagent models``: the bundles there are, whether they are whole, and ways to more."""

import argparse
import json
from pathlib import Path

from edgeagent.cli import (
    models_add,
    models_build,
    models_card,
    models_compare,
    models_compile,
    models_eval,
    models_pull,
    models_serve,
)
from edgeagent.errors import BundleError
from edgeagent.model import Bundle, bundles_folder, list_bundles


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("--folder", type=Path, help="look here instead of in the release")
    parser.add_argument("--json", action="store_true", help="one JSON object per bundle")
    ways = parser.add_subparsers(dest="way", metavar="WAY", title="ways to more of them")
    models_card.add_arguments(ways)
    models_pull.add_arguments(ways)
    models_add.add_arguments(ways)
    models_build.add_arguments(ways)
    models_compile.add_arguments(ways)
    models_eval.add_arguments(ways)
    models_serve.add_arguments(ways)
    models_compare.add_arguments(ways)


def run(options: argparse.Namespace) -> int:
    """List every bundle, exit 65 if one is not what its manifest says; or pull, or add one."""
    if options.way:
        status: int = options.go(options)
        return status
    broken = 0
    for folder in list_bundles(options.folder or bundles_folder()):
        try:
            bundle = models_card.verified(folder)
        except BundleError as error:
            broken = error.exit_status
            print(f"{folder.name}: {error}")
            continue
        print(json.dumps(_row(bundle)) if options.json else _lines(bundle))
    return broken


def _row(bundle: Bundle) -> dict[str, object]:
    files = {
        device: {"bytes": f.size_bytes, "sha256": f.sha256} for device, f in bundle.files.items()
    }
    return {
        "name": bundle.name,
        "version": bundle.version,
        "least_agent": bundle.least_agent,
        "task": bundle.task,
        "labels": len(bundle.labels),
        "input": list(bundle.some_file.input.shape),
        "files": files,
        "licence": bundle.licence,
        "origin": bundle.origin,
        "folder": str(bundle.folder),
    }


def _lines(bundle: Bundle) -> str:
    takes = bundle.some_file.input
    shape = "x".join(map(str, takes.shape[1:]))
    labels = f", {len(bundle.labels)} labels" if bundle.labels else ""
    head = f"{bundle.name} {bundle.version}  {bundle.task}, {shape} {takes.dtype}{labels}"
    files = [
        f"  {device:8} {f.size_bytes:>10,} B  sha256 {f.sha256[:16]}..."
        for device, f in bundle.files.items()
    ]
    return "\n".join([head, *files, f"  {bundle.licence}; {bundle.origin}"])
