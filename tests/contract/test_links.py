"""What every `Link` promises. A member is a way to make one, with a broker that can be had."""

from collections.abc import Callable, Iterator

import pytest

from edgeagent.link import Ack, Link, NoLink, Order
from edgeagent.link.memory import MemoryLink

Rig = tuple[Link, Callable[[], None], Callable[[], None]]
"""A link not yet started, what makes its connection, and what cuts it."""


@pytest.fixture(params=["memory"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    assert request.param == "memory"
    link = MemoryLink()
    yield link, link.come_up, link.go_down
    link.stop()


def until(link: Link, is_so: Callable[[], bool]) -> None:
    for _ in range(600):
        if is_so():
            return
        link.wait(0.1)
    raise AssertionError("waited in vain")


def acks_of(link: Link, count: int) -> list[Ack]:
    acks: list[Ack] = []

    def enough() -> bool:
        acks.extend(link.acknowledged())
        return len(acks) >= count

    until(link, enough)
    return acks


def test_a_link_is_down_until_connected_and_takes_nothing(rig: Rig) -> None:
    link, _, _ = rig
    link.start()
    assert link.up == 0
    assert not link.publish("evt/cam", b"x", 1)
    assert link.acknowledged() == []


def test_each_message_with_a_token_is_acknowledged_once(rig: Rig) -> None:
    link, connect, _ = rig
    link.start()
    connect()
    until(link, lambda: link.up > 0)
    for token in range(1, 11):
        assert link.publish("evt/cam", b"x" * token, token)
    acks = acks_of(link, 10)
    assert sorted(ack.token for ack in acks) == list(range(1, 11))
    assert all(ack.taken for ack in acks)
    assert link.acknowledged() == []


def test_a_message_without_a_token_is_not_acknowledged(rig: Rig) -> None:
    link, connect, _ = rig
    link.start()
    connect()
    until(link, lambda: link.up > 0)
    assert link.publish("stat", b"x", None)
    link.wait(0.2)
    assert link.acknowledged() == []


def test_every_connection_has_another_number(rig: Rig) -> None:
    link, connect, cut = rig
    link.start()
    connect()
    until(link, lambda: link.up > 0)
    first = link.up
    cut()
    until(link, lambda: link.up == 0)
    assert not link.publish("evt/cam", b"x", 1)
    connect()
    until(link, lambda: link.up > 0)
    assert link.up != first


def test_an_order_is_heard_and_answered_only_while_connected() -> None:
    link, heard, order = MemoryLink(), list[Order](), Order("look", b"{}", correlation=b"7")
    link.listen(heard.append)
    link.start()
    link.order(order)
    assert not link.reply(order, b"no")
    link.come_up()
    link.order(order)
    assert heard == [order]
    assert link.reply(order, b"yes")
    assert link.replies == [(order, b"yes")]
    link.go_down()
    assert not link.reply(order, b"no")


def test_an_agent_without_a_broker_listens_to_nobody() -> None:
    link = NoLink()
    link.listen(print)
    assert not link.reply(Order("look", b"{}"), b"no")


def test_what_is_kept_is_held_whatever_the_connection(rig: Rig) -> None:
    link, connect, cut = rig
    link.keep("homeassistant/device/home/door/config", b"{}")
    link.start()
    connect()
    until(link, lambda: link.up > 0)
    cut()
    link.greet()
    assert link.kept() == {"homeassistant/device/home/door/config": b"{}"}


def test_a_memory_link_says_what_is_kept_at_each_connect_and_hears_what_it_follows() -> None:
    link, heard = MemoryLink(), list[tuple[bytes, bool]]()
    link.follow("homeassistant/status", lambda *told: heard.append(told))
    link.keep("a", b"1")
    link.keep("b", b"")
    link.come_up()
    link.say("homeassistant/status", b"online")
    link.say("other", b"online")
    link.go_down()
    link.come_up()
    assert [(sent.topic, sent.payload) for sent in link.sent] == [
        ("a", b"1"),
        ("b", b""),
        ("a", b"1"),
    ]
    assert heard == [(b"online", False)]


def test_waking_ends_a_wait_that_has_not_begun(rig: Rig) -> None:
    link, _, _ = rig
    link.wake()
    link.wait(30.0)


def test_stopping_twice_is_safe(rig: Rig) -> None:
    link, connect, _ = rig
    link.start()
    connect()
    link.stop()
    link.stop()
    assert link.up == 0
