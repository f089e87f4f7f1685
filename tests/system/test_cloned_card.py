"""Two devices from one card: one name, one account, one client id, one past; at a real broker."""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docs.complete import Consumer

from .conftest import Broker, Ear, until
from .test_run import LIVELY, Running

ID = "one-card"
PATIENCE_S = 60.0
SUSPICION = f"has another device the client id {ID!r}?"


@pytest.fixture
def twins(tmp_path: Path, broker: Broker) -> Iterator[tuple[Running, Running]]:
    """Two devices, the second a copy of the first that had events it could not send."""
    first, second = (Running(tmp_path / name) for name in ("first", "second"))
    first.folder.mkdir()
    broker.end()
    first.write(broker.port, f'client_id = "{ID}"', LIVELY)
    first.start()
    stored = first.folder / "state" / "outbox"
    assert until(lambda: sum(p.stat().st_size for p in stored.glob("*.log")) > 400, PATIENCE_S)
    assert first.end() == 0
    shutil.copytree(first.folder, second.folder)
    second.settings = second.folder / "edgeagent.toml"
    broker.start()
    yield first, second
    for one in (first, second):
        if one.process is not None:
            one.end(signal.SIGKILL)


def said(ear: Ear) -> list[dict[str, Any]]:
    return [*ear.said("/sys"), *ear.said("/evt/yard")]


def starts(ear: Ear) -> list[str]:
    """Return the boots that have said that they began, in the order in which they did."""
    return list(dict.fromkeys(m["boot"] for m in ear.said("/sys") if m["k"] == "start"))


def lost(messages: list[dict[str, Any]]) -> object:
    """Return what a consumer misses, by the one that the docs give."""
    consumer = Consumer()
    for message in messages:
        consumer.hear(message)
    return consumer.lost()


def test_two_devices_from_one_card_say_so_and_lose_and_mix_up_nothing(
    twins: tuple[Running, Running], broker: Broker, ear: Ear
) -> None:
    first, second = twins
    first.start()
    assert until(lambda: len(starts(ear)) == 2, PATIENCE_S)
    second.start()
    # mosquitto only hangs up: it is the agents who see what that means.
    assert until(lambda: SUSPICION in first.said() and SUSPICION in second.said(), PATIENCE_S)
    assert until(lambda: len(starts(ear)) == 3, PATIENCE_S)
    past, one, other = starts(ear)
    assert one.partition("-")[0] == other.partition("-")[0]
    assert len({past, one, other}) == 3
    assert until(lambda: [m for m in ear.said("/evt/yard") if m["boot"] == other], PATIENCE_S)

    # The second goes. What the first could not send comes, and why it could not.
    assert second.end() == 0
    assert until(lambda: [m for m in ear.said("/sys") if SUSPICION in m.get("why", "")], PATIENCE_S)
    assert first.end() == 0
    first.start()
    assert until(lambda: len(starts(ear)) == 4, PATIENCE_S)
    (last,) = {m["prev"][1] for m in ear.said("/sys") if m.get("prev", [""])[0] == one}
    seqs = {*range(last + 1)}
    assert until(lambda: {m["seq"] for m in said(ear) if m["boot"] == one} >= seqs, PATIENCE_S)
    messages = said(ear)
    assert lost(messages) == {}
    # Both had the past, and may both have sent it: word for word the same, under the same name.
    for message in messages:
        twins_of = [
            m for m in messages if (m["boot"], m["seq"]) == (message["boot"], message["seq"])
        ]
        assert len({(m["k"], m["ts"], str(m.get("mot"))) for m in twins_of}) == 1
