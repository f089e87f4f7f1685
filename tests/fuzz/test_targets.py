"""The one suite that runs over every parser; `scripts/fuzz` does the same for longer."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .table import TARGETS
from .target import CORPUS

ROOT = Path(__file__).parents[2]
EXAMPLES = 40
"""A target, beside its seeds and its corpus."""
CORPUS_BYTES = 200_000


class Child:
    """The process in which targets are run; see `child`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.child"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, **asked: object) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        told: dict[str, Any] = json.loads(self._process.stdout.readline())
        return told

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    child = Child()
    yield child
    child.close()


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_no_bytes_do_more_than_is_said(name: str, child: Child) -> None:
    told = child.ask(target=name, examples=EXAMPLES)
    assert not told["fault"], f"{told['fault']}\n{bytes.fromhex(told['input'])!r:.2000}"
    assert told["runs"] > 1


def test_the_corpus_is_of_targets_that_there_are_and_small() -> None:
    kept = [path for path in CORPUS.rglob("*") if path.is_file()]
    assert {path.parent.name for path in kept} <= set(TARGETS)
    assert sum(path.stat().st_size for path in kept) < CORPUS_BYTES


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("raises", "raised: UnicodeDecodeError"),
        ("recurses", "raised: RecursionError"),
        ("spins", "busy for too long"),
        ("waits", "waits for too long"),
        ("swells", "MB for 4 bytes"),
        ("climbs", "which is outside of its folder"),
        ("reads", "which is none of its files"),
        ("runs", "os.system"),
        ("says_nothing", "ValueError says nothing"),
        ("hides", "logged by bad: UnicodeDecodeError"),
        ("dies", "in a thread: UnicodeDecodeError"),
        ("aborts", "the process ended: -6"),
    ],
)
def test_a_parser_that_does_what_none_may_is_found_out(name: str, what: str, child: Child) -> None:
    limits = {"busy_s": 0.2, "waits_s": 0.5 if name == "waits" else 30.0}
    told = child.ask(target=name, examples=0, limits=limits)
    assert what in told["fault"]
