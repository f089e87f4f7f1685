"""``edgeagent models pull`` and ``catalogue``: models that can be fetched, and fetching one."""

import argparse
import sys
import time
from collections.abc import Iterator
from typing import Any

from edgeagent.cli.models_add import add_place, advice, place
from edgeagent.credentials import read_secret
from edgeagent.errors import UsageError
from edgeagent.model import bundles_folder, list_bundles

_WIDTH = 24
_EVERY_S = 0.1


def add_arguments(ways: Any) -> None:  # noqa: ANN401
    """Say what they take."""
    text = "fetch a model of the catalogue, or of a registry of your own, and verify it"
    parser: argparse.ArgumentParser = ways.add_parser("pull", help=text, description=text)
    parser.add_argument("name", nargs="?", help="of the model; without one: which there are")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--from", dest="base", metavar="MIRROR",
        help="https://HOST/FOLDER or a folder here, instead of Coral's own repository",
    )  # fmt: skip
    where.add_argument(
        "--registry", metavar="WHERE",
        help="what the pipeline published: a folder, or https://HOST/PATH",
    )  # fmt: skip
    parser.add_argument("--version", default="", help="of a registry's; default: its newest")
    parser.add_argument("--token-file", default="", metavar="FILE", help="what a registry asks for")
    parser.add_argument("--http", action="store_true", help="allow a mirror without encryption")
    add_place(parser)
    parser.set_defaults(go=run)
    text = "list what can be pulled"
    ways.add_parser("catalogue", help=text, description=text).set_defaults(go=list_all, name=None)


def run(options: argparse.Namespace) -> int:
    """Pull the model named, and say how it is used."""
    if options.registry:
        return from_registry(options)
    if options.version or options.token_file:
        raise UsageError("--version and --token-file are for a --registry")
    if not options.name:
        return list_all(options)
    from edgeagent.pulling import Origin, pull
    from edgeagent.pulling.catalogue import read_catalogue
    from edgeagent.pulling.download import Fetcher

    catalogue = read_catalogue()
    origin = Origin(options.base or catalogue.base, Fetcher(_progress(), options.http))
    bundle = pull(options.name, catalogue, origin, place(options), print, options.replace)
    print(advice(bundle))
    return 0


def from_registry(options: argparse.Namespace) -> int:
    """Pull what was published there; without a name, say what is."""
    from edgeagent.pulling import Origin
    from edgeagent.pulling.download import Fetcher
    from edgeagent.pulling.published import CURE, pull_published, read_index

    token = read_secret(options.token_file)
    fetcher = Fetcher(_progress(), options.http, token=token, cure=CURE)
    origin = Origin(options.registry, fetcher)
    if not options.name:
        for name, entries in read_index(origin).models.items():
            print(f"{name}  {', '.join(one.version for one in entries)}")
        return 0
    into = place(options)
    print(advice(pull_published(options.name, options.version, origin, into, options.replace)))
    return 0


def _progress() -> "Bar | Lines":
    return Bar() if sys.stderr.isatty() else Lines()


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
