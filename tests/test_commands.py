"""Orders from the broker: which are done, which are refused, which are not even answered."""

import json
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from edgeagent.clock import ManualClock
from edgeagent.commands import MAX_REMEMBERED, Asked, Commands, Deed
from edgeagent.config import CommandsConfig
from edgeagent.errors import UsageError
from edgeagent.findings import Notice
from edgeagent.health import Health
from edgeagent.link import MemoryLink, Order
from tests.wires import everywhere

LOOK = Order("look", b"")


class Rig:
    """Commands at a memory link, with one deed that remembers."""

    def __init__(self, config: CommandsConfig, deed: Deed) -> None:
        self.link, self.clock, self.health = MemoryLink(), ManualClock(), Health()
        self.told: list[Notice] = []
        self.commands = Commands(
            config, {"look": deed}, self.link.reply, "pi", self.clock, self.health, self.told.append
        )
        self.link.listen(self.commands.hear)
        self.commands.start()
        self.link.come_up()

    def order(self, payload: object, order: Order = LOOK) -> None:
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.link.order(order._replace(payload=data))

    def ended(self) -> list[dict[str, Any]]:
        """Let all be done that was ordered; return the answers."""
        self.commands.hear(Order("look", b'{"id": "last"}'))
        while not any(b'"last"' in payload for _, payload in self.link.replies):
            threading.Event().wait(0.01)
        answers = [json.loads(payload) for _, payload in self.link.replies]
        for answer in answers:
            everywhere("answer", answer)
        return [answer for answer in answers if answer["id"] != "last"]


class Doer:
    def __init__(self) -> None:
        self.done: list[str] = []

    def __call__(self, wish: str, asked: Asked) -> Mapping[str, Any]:
        self.done.append(wish)
        if asked.get("camera") == "none":
            raise UsageError("no camera 'none'; there is yard")
        return {"saw": {"yard": {"cls": []}}}


@pytest.fixture
def deed() -> Doer:
    return Doer()


@pytest.fixture
def rig(deed: Doer) -> Iterator[Rig]:
    rig = Rig(CommandsConfig(allow=["look"], per_minute=600), deed)
    yield rig
    rig.commands.close()
    rig.commands.close()


def test_what_is_allowed_is_done_and_answered(rig: Rig, deed: Doer) -> None:
    rig.order({"id": "a1"}, LOOK._replace(reply_to="clients/7", correlation=b"x"))
    (answer,) = rig.ended()
    assert (answer["ok"], answer["id"], answer["k"]) == (True, "a1", "look")
    assert answer["saw"] == {"yard": {"cls": []}}
    assert deed.done == ["a1", "last"]
    order, _ = rig.link.replies[0]
    assert (order.reply_to, order.correlation) == ("clients/7", b"x")


def test_what_cannot_be_done_is_answered_by_why(rig: Rig) -> None:
    rig.order({"id": "a1", "camera": "none"})
    (answer,) = rig.ended()
    assert (answer["ok"], answer["why"]) == (False, "no camera 'none'; there is yard")


def test_what_is_not_allowed_is_refused(rig: Rig, deed: Doer) -> None:
    rig.order({"id": "a1"}, Order("reboot", b""))
    (answer,) = rig.ended()
    assert not answer["ok"]
    assert answer["why"] == "'reboot' is not allowed here; commands.allow names look"
    assert deed.done == ["last"]


def test_a_repeated_id_is_answered_from_memory(rig: Rig, deed: Doer) -> None:
    for _ in range(3):
        rig.order({"id": "a1"})
    assert len(rig.ended()) == 3
    assert deed.done == ["a1", "last"]


def test_memory_is_bounded(deed: Doer) -> None:
    rig = Rig(CommandsConfig(allow=["look"], per_minute=600), deed)
    rig.ended()
    for number in range(MAX_REMEMBERED + 1):
        rig.clock.advance(1.0)
        rig.order({"id": f"n{number}"})
        while f"n{number}" not in deed.done:
            threading.Event().wait(0.002)
    rig.clock.advance(1.0)
    rig.order({"id": "n0"})
    rig.order({"id": f"n{MAX_REMEMBERED}"})
    rig.commands.hear(Order("look", b'{"id": "end"}'))
    while "end" not in deed.done:
        threading.Event().wait(0.002)
    assert deed.done.count("n0") == 2
    assert deed.done.count(f"n{MAX_REMEMBERED}") == 1
    rig.commands.close()


@pytest.mark.parametrize(
    ("exp", "why"),
    [
        (1_699_999_999_999, "it has expired"),
        ("soon", "exp: 'soon' is not unix time in ms"),
        (True, "exp: True is not unix time in ms"),
    ],
)
def test_what_has_expired_is_not_done(exp: object, why: str, rig: Rig, deed: Doer) -> None:
    rig.order({"id": "a1", "exp": exp})
    (answer,) = rig.ended()
    assert (answer["ok"], answer["why"]) == (False, why)
    assert deed.done == ["last"]


def test_what_expires_later_is_done(rig: Rig, deed: Doer) -> None:
    rig.order({"id": "a1", "exp": rig.clock.wall_ms() + 1000})
    assert rig.ended()[0]["ok"]


@pytest.mark.parametrize(
    ("payload", "retained", "why"),
    [
        (b'{"id": "a1"}', True, "it is retained"),
        (b'{"id": "a1", "pad": "' + b"x" * 2000 + b'"}', False, "it is longer than 1024 bytes"),
        (b"look!", False, "it is not JSON"),
        (b"[" * 1000, False, "it is not JSON"),
        (b"\xff\xfe", False, "it is not JSON"),
        (b"[1]", False, 'it has no "id"'),
        (b'{"id": "a b"}', False, 'it has no "id"'),
        (b"{}", False, 'it has no "id"'),
    ],
)
def test_what_is_no_order_is_reported_and_not_answered(
    payload: bytes, retained: bool, why: str, rig: Rig, deed: Doer
) -> None:
    rig.order(payload, LOOK._replace(retained=retained))
    assert rig.ended() == []
    assert deed.done == ["last"]
    (notice,) = rig.told
    assert (notice.part, notice.what, notice.name) == ("command", "ignored", "look")
    assert notice.why.startswith(why)
    assert rig.health.counted("commands_ignored_total") == 1


def test_a_flood_is_counted_and_neither_done_nor_reported_one_by_one(deed: Doer) -> None:
    rig = Rig(CommandsConfig(allow=["look"], per_minute=6), deed)
    for number in range(200):
        rig.order({"id": f"n{number}"})
    while rig.health.counted("commands_ignored_total") < 199:
        threading.Event().wait(0.01)
    rig.commands.close()
    assert deed.done == ["n0"]
    assert len(rig.told) <= 3


def test_a_deed_that_breaks_does_not_end_the_hearing_of_others() -> None:
    def breaks(wish: str, asked: Asked) -> Mapping[str, Any]:
        if wish == "a1":
            raise ZeroDivisionError
        return {}

    rig = Rig(CommandsConfig(allow=["look"], per_minute=600), breaks)
    rig.order({"id": "a1"})
    assert rig.ended() == []
    rig.commands.close()


@pytest.mark.parametrize("topic", ["a/+/b", "#", "edge/v1/x/y/cmd/look", "x" * 300, "$SYS/x"])
def test_an_odd_response_topic_is_not_written_to(topic: str, rig: Rig) -> None:
    rig.order({"id": "a1"}, LOOK._replace(reply_to=topic))
    rig.ended()
    assert rig.link.replies[0][0].reply_to == ""
