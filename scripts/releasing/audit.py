"""Are the pins among the versions that an advisory is about: scripts/audit-dependencies.

No answer is never taken for a good one: without advisories, or where some could not be read, it
ends with 69.
"""

import argparse
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

from scripts.releasing.osv import ECOSYSTEM, Advisory, Finding, findings, is_about_packages, read
from scripts.releasing.pins import Pin, pins_of

ROOT = Path(__file__).parents[2]
CLEAN, AFFECTED, UNKNOWN = 0, 1, 69
TIMEOUT_S = 30.0
MOST_BYTES = 64 << 20


class NoAnswerError(Exception):
    """Nobody can say."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge the pins; return the exit status."""
    options = _parser().parse_args(arguments)
    given = sorted(ROOT.glob("requirements/py*-page.txt"))
    pins = pins_of(options.pins or [*given, ROOT / "requirements" / "pip.txt"])
    try:
        advisories = list(_advisories(options, pins))
    except (OSError, ValueError, NoAnswerError) as error:
        print(f"audit: nobody can say: {error}", file=sys.stderr)
        return UNKNOWN
    found = [one for advisory in advisories for one in findings(advisory, pins)]
    for one in sorted(found, key=lambda f: (f.pin.name, f.advisory)):
        print(_shown(one))
    newest = max((str(one.get("modified", "")) for one in advisories), default="")
    told = f"{len(advisories)} advisories" + (f", the newest of {newest[:10]}" if newest else "")
    print(f"{len(pins)} pins, {told}: {len(found) or 'none'} of them affected")
    return AFFECTED if found else CLEAN


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("scripts/audit-dependencies", description=__doc__)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--advisories", type=Path, metavar="PATH", help="OSV's: zip, folder, .json")
    where.add_argument("--ask", metavar="URL", help="an OSV service: https://...")
    parser.add_argument("pins", nargs="*", type=Path, help="default: what a device gets")
    return parser


def _advisories(options: argparse.Namespace, pins: Sequence[Pin]) -> Iterator[Advisory]:
    if options.ask:
        yield from _asked(options.ask.rstrip("/"), pins)
        return
    some = [one for one in read(options.advisories) if is_about_packages(one)]
    if not some:
        raise NoAnswerError(f"{options.advisories} has no advisory about {ECOSYSTEM}")
    yield from some


def _asked(service: str, pins: Sequence[Pin]) -> Iterator[Advisory]:
    """Ask an OSV service about all pins at once, then for each advisory that it names.

    Raises:
        NoAnswerError: it does not answer, or not as such a service does.
    """
    queries = [
        {"package": {"name": pin.name, "ecosystem": ECOSYSTEM}, "version": pin.version}
        for pin in pins
    ]
    told = _fetch(f"{service}/v1/querybatch", {"queries": queries})
    results = told.get("results")
    if not isinstance(results, list) or len(results) != len(pins):
        raise NoAnswerError(f"{service}: it does not answer for each pin")
    if any("next_page_token" in one for one in results):
        raise NoAnswerError(f"{service}: it has more to say than one answer holds; take an export")
    names = {vulnerable["id"] for one in results for vulnerable in one.get("vulns", [])}
    for name in sorted(names):
        yield _fetch(f"{service}/v1/vulns/{name}")


def _fetch(address: str, body: object = None) -> Advisory:
    if not address.startswith(("https://", "http://127.0.0.1")):
        raise NoAnswerError(f"{address}: give an address that begins with https://")
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            told = json.loads(answer.read(MOST_BYTES))
    except (urllib.error.URLError, ValueError, TimeoutError) as error:
        raise NoAnswerError(f"{address}: {error}") from None
    if not isinstance(told, dict):
        raise NoAnswerError(f"{address}: it answers something else")
    return told


def _shown(one: Finding) -> str:
    also = f" ({', '.join(one.aliases)})" if one.aliases else ""
    cure = f"; mended in {', '.join(one.fixed)}" if one.fixed else "; no version mends it yet"
    summary = f": {one.summary}" if one.summary else ""
    return f"{one.pin.name} {one.pin.version}: {one.advisory}{also}{summary}{cure}"


if __name__ == "__main__":
    sys.exit(main())
