"""``edgeagent models show`` and ``card``: what a bundle says of itself, and writing that anew."""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgeagent import assembly, semver
from edgeagent.atomic import write_whole
from edgeagent.cli.replay import chosen_config
from edgeagent.errors import BundleError, UsageError
from edgeagent.model import Bundle, load_bundle


def add_arguments(ways: Any) -> None:  # noqa: ANN401
    """Say what they take."""
    text = "what a bundle says of itself: files, tensors, data, figures; everything is verified"
    shown: argparse.ArgumentParser = ways.add_parser("show", help=text, description=text)
    _add_bundle(shown)
    shown.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="as one JSON object"
    )
    shown.set_defaults(go=show)
    text = "list a bundle's files with their digests anew, and write its CARD.md"
    made: argparse.ArgumentParser = ways.add_parser("card", help=text, description=text)
    _add_bundle(made)
    made.add_argument(
        "--evaluation", type=Path, metavar="FILE",
        help="take in what edgeagent models eval --report wrote",
    )  # fmt: skip
    made.add_argument("--version", default="", metavar="1.2.0", help="which it is from now on")
    made.set_defaults(go=make)


def _add_bundle(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", metavar="BUNDLE", help="by name, or a folder with a slash")
    parser.add_argument("--config", type=Path, help="settings file, for where bundles are")


def show(options: argparse.Namespace) -> int:
    """Print the card, or all of it as JSON; exit 65 if anything is not as the manifest says."""
    from edgeagent.card import card
    from edgeagent.card.telling import told
    from edgeagent.terminal import clean

    bundle = verified(_found(options).folder)
    if options.json:
        print(json.dumps(told(bundle), indent=1, ensure_ascii=False))
    else:
        print("\n".join(map(clean, card(bundle).splitlines())))
    return 0


def verified(folder: Path) -> Bundle:
    """Return the bundle in ``folder``, every file of which is what the manifest says.

    Raises:
        BundleError: one is not.
    """
    from edgeagent.card import card_fault

    bundle = load_bundle(folder, everything=True)
    if fault := card_fault(bundle):
        raise BundleError(fault)
    return bundle


def make(options: argparse.Namespace) -> int:
    """Write manifest and card of what is there; what the agent reads is verified before."""
    from edgeagent.adding.sealing import current, seal
    from edgeagent.card.quality import EVALUATION, check_quality

    bundle = _raised(current(_found(options)), options.version)
    try:
        if options.evaluation:
            check_quality(options.evaluation, bundle)
            write_whole(bundle.folder / EVALUATION, options.evaluation.read_bytes())
        made = seal(bundle)
    except OSError as error:
        raise UsageError(f"{bundle.folder}: cannot be written ({error.strerror})") from error
    print(f"{made.folder}: {made.name} {made.version}, {len(made.contents)} files listed, CARD.md")
    if semver.rank_of_any(made.version) == semver.UNKNOWN:
        print(f"{made.version!r} is no semantic version; give one: --version", file=sys.stderr)
    return 0


def _found(options: argparse.Namespace) -> Bundle:
    return assembly.find(chosen_config(options.config).model, options.bundle)


def _raised(bundle: Bundle, version: str) -> Bundle:
    """Return ``bundle`` with another version, which is to be a later one."""
    from edgeagent.adding import check_version
    from edgeagent.adding.sealing import current

    if not version:
        return bundle
    check_version(version)
    if semver.rank(version) < bundle.rank:
        raise UsageError(f"--version {version}: comes before {bundle.version}, which it is")
    return current(replace(bundle, version=version))
