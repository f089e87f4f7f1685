"""``edgeagent models pull`` and ``catalogue``: models that can be fetched, and fetching one."""

import argparse
import sys
import time
from collections.abc import Iterator
from typing import Any

from edgeagent.cli.models_add import add_place, advice, place
from edgeagent.model import bundles_folder, list_bundles

_WIDTH = 24
_EVERY_S = 0.1


def add_arguments(ways: Any) -> None:  # noqa: ANN401
    """Say what they take."""
    text = "fetch a model of the catalogue, verify it, and make a bundle of it"
    parser: argparse.ArgumentParser = ways.add_parser("pull", help=text, description=text)
    parser.add_argument("name", nargs="?", help="of the model; without one: the catalogue")
    parser.add_argument(
        "--from", dest="base", metavar="MIRROR",
        help="https://HOST/FOLDER or a folder here, instead of Coral's own repository",
    )  # fmt: skip
    parser.add_argument("--http", action="store_true", help="allow a mirror without encryption")
    add_place(parser)
    parser.set_defaults(go=run)
    text = "list what can be pulled"
    ways.add_parser("catalogue", help=text, description=text).set_defaults(go=list_all, name=None)


def run(options: argparse.Namespace) -> int:
    """Pull the model named, and say how it is used."""
    if not options.name:
        return list_all(options)
    from edgeagent.pulling import Origin, pull
    from edgeagent.pulling.catalogue import read_catalogue
    from edgeagent.pulling.download import Fetcher

    catalogue = read_catalogue()
    progress = Bar() if sys.stderr.isatty() else Lines()
    origin = Origin(options.base or catalogue.base, Fetcher(progress, options.http))
    bundle = pull(options.name, catalogue, origin, place(options), print, options.replace)
    print(advice(bundle))
    return 0


def list_all(_: argparse.Namespace) -> int:
    """Print the catalogue."""
    for line in _catalogue():
        print(line)
    return 0


def _catalogue() -> Iterator[str]:
    from edgeagent.pulling.catalogue import read_catalogue

    catalogue = read_catalogue()
    for name, entry in catalogue.model.items():
        yield name
        devices = " and ".join(use for use in entry.files if use != "labels")
        yield f"  {entry.task}, {devices}: {entry.what}"
    yield f"  all: {catalogue.licence}; {catalogue.base}"
    for folder in list_bundles(bundles_folder()):
        yield f"{folder.name}\n  ships with this release; pull copies it"


class Bar:
    """Draws how far a download is, for who looks at a terminal."""

    def __init__(self) -> None:
        self._drawn_s = 0.0

    def __call__(self, name: str, done_bytes: int, whole_bytes: int) -> None:
        """See `Progress`."""
        ended = done_bytes == whole_bytes
        if not ended and time.monotonic() - self._drawn_s < _EVERY_S:
            return
        self._drawn_s = time.monotonic()
        sys.stderr.write(f"\r\x1b[K{_text(name, done_bytes, whole_bytes)}" + "\n" * ended)
        sys.stderr.flush()


def _text(name: str, done_bytes: int, whole_bytes: int) -> str:
    done = f"{done_bytes / 1e6:.1f}"
    if not whole_bytes:
        return f"{name}  {done} MB"
    share = done_bytes / whole_bytes
    bar = ("#" * int(share * _WIDTH)).ljust(_WIDTH, ".")
    return f"[{bar}] {share:4.0%}  {done} of {whole_bytes / 1e6:.1f} MB  {name}"


class Lines:
    """Says how far a download is every quarter, for a log."""

    def __init__(self) -> None:
        self._said = ("", -1)

    def __call__(self, name: str, done_bytes: int, whole_bytes: int) -> None:
        """See `Progress`."""
        quarter = 4 * done_bytes // whole_bytes if whole_bytes else 0
        if (name, quarter) != self._said:
            self._said = (name, quarter)
            whole = f" of {whole_bytes:,}" if whole_bytes else ""
            print(f"{name}: {done_bytes:,}{whole} bytes", file=sys.stderr)
