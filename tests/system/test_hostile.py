"""What somebody with an account at the broker might send, to us and to a naive device beside us.

Each message goes through a real broker, and each test says what it does to a device that believes
it (`naive.py`): there it has to work, or the test shows nothing.
"""

import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from edgeagent import audit, overlay
from edgeagent.clock import ManualClock
from edgeagent.commands import Asked, Books, Commands, Kind
from edgeagent.commands.judging import MAX_BYTES
from edgeagent.config import CommandsConfig
from edgeagent.findings import Notice
from edgeagent.health import Health
from edgeagent.link import Order
from edgeagent.mqtt import MqttLink, Words
from edgeagent.mqtt.orders import DESIRED, ORDERS, place_of
from edgeagent.overlay import Kept, Set, Tried
from tests.wires import validator

from .conftest import Broker, until
from .naive import PREFIX, Naive
from .test_commands import LIFE, Boss, lasting
from .test_commands import Kept as Restarted
from .test_link import at

MANY = 6
"""How often a naive device is let die before it is believed that it goes on so for ever."""
PATIENCE_S = 60.0
ROOT = Path(__file__).parents[2]


@pytest.fixture
def boss(broker: Broker) -> Iterator[Boss]:
    boss = Boss(broker.port, "5")
    yield boss
    boss.close()


class Device:
    """Our way of taking orders, at a real broker, with a clock that a test sets."""

    def __init__(self, broker: Broker, folder: Path, clock: ManualClock, protocol: str) -> None:
        words = Words(PREFIX, "0123456789abcdef", lambda _: b"{}", lambda: b"{}")
        self.done: list[str] = []
        self.told: list[Notice] = []
        self.health, self.states = Health(), list[Order]()
        self.link = MqttLink(
            at(broker, protocol=protocol), words, self.told.append, lambda *_: 0.1, deaf_s=2.0
        )
        self.commands = Commands(
            CommandsConfig(allow=["ping", "look"], per_minute=600),
            {"look": Kind(self._do), "ping": Kind(self._do, changes=False)},
            self.link.reply,
            "pi",
            Books(folder, clock),
            clock,
            self.health,
            self.told.append,
        )
        self.link.listen(self.commands.hear, self.states.append)

    def _do(self, wish: str, asked: Asked) -> Mapping[str, Any]:
        self.done.append(wish)
        return {}


@contextmanager
def device(
    broker: Broker, folder: Path, clock: ManualClock, protocol: str = "5"
) -> Iterator[Device]:
    """Let one live; the publisher's part, to send what is due, is done here."""
    ours, over = Device(broker, folder, clock, protocol), threading.Event()

    def publish() -> None:
        while not over.is_set():
            ours.link.acknowledged()
            ours.link.wait(0.1)

    publisher = threading.Thread(target=publish)
    ours.commands.start()
    ours.link.start()
    publisher.start()
    try:
        assert until(lambda: ours.link.up, PATIENCE_S)
        yield ours
    finally:
        over.set()
        publisher.join()
        ours.commands.close()
        ours.link.stop()


# --- the endless restart


def test_a_retained_restart_restarts_nobody_who_looks_whether_it_is_retained(
    tmp_path: Path, broker: Broker, boss: Boss
) -> None:
    boss.order(f"{PREFIX}/cmd/restart", lasting(id="r1"), retain=True)
    assert Naive(broker.port).deaths(MANY) == MANY
    with Restarted(tmp_path, broker.port) as ours:
        assert until(lambda: ignored(boss), PATIENCE_S)
        boss.order(f"{PREFIX}/cmd/ping", b'{"id": "p1"}')
        assert until(lambda: boss.answers("/res/ping"), PATIENCE_S)
        assert ours.statuses == []
    assert ignored(boss)[0]["why"].startswith("it is retained")


def ignored(boss: Boss) -> list[dict[str, Any]]:
    return [m for m in boss.answers("/sys") if m["k"] == "command_ignored"]


def test_a_restart_that_is_said_at_each_birth_restarts_a_naive_device_for_ever(
    broker: Broker, boss: Boss
) -> None:
    """Beside `test_a_restart_that_comes_again_after_each_start_restarts_once`, which is ours."""
    naive, order = Naive(broker.port), lasting(id="r1")
    for _ in range(MANY):
        naive.begin()
        boss.order(f"{PREFIX}/cmd/restart", order)
        assert naive.dies.wait(PATIENCE_S)
        naive.end()
    assert naive.done == ["restart"] * MANY


# --- the replayed order of last week


def test_an_order_of_last_week_is_done_again_by_who_only_remembers(
    tmp_path: Path, broker: Broker, boss: Boss
) -> None:
    clock, naive, topic = ManualClock(), Naive(broker.port), f"{PREFIX}/cmd/look"

    def week(orders: list[bytes]) -> list[str]:
        """Let both live and be ordered so; return what ours did."""
        before = len(boss.answers("/res/look"))
        naive.begin()
        with device(broker, tmp_path, clock) as ours:
            for order in orders:
                boss.order(topic, order)
            wanted = before + len(orders)
            assert until(lambda: len(boss.answers("/res/look")) == wanted, PATIENCE_S)
        naive.end()
        return ours.done

    assert week([expiring(clock, "a1")]) == ["a1"]
    recorded = [bytes(m.payload) for m in boss.heard if m.topic == topic]
    clock.advance(7 * 86_400)
    assert week([expiring(clock, "a2"), *recorded]) == ["a2"]
    assert boss.answers("/res/look")[2]["why"] == "it has expired"
    assert naive.done == ["look", "look", "look"]


def expiring(clock: ManualClock, wish: str) -> bytes:
    return json.dumps({"id": wish, "exp": clock.wall_ms() + 60_000}).encode()


# --- the poisoned state


class Mortal(Restarted):
    """An agent that dies of one value, started anew whenever it ends."""

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(folder, port)
        self.write(port, "desired = true", text=LIFE.replace("{folder}", str(folder)))

    def start(self, **environment: str) -> None:
        command = [sys.executable, "-m", "tests.system.mortal"]
        where = [str(self.settings), str(self.folder / "state")]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([*command, *where], stderr=log, cwd=ROOT)


def state(version: int, values: Mapping[str, object]) -> bytes:
    return json.dumps({"version": version, "id": f"a{version}", "values": values}).encode()


def reports(boss: Boss, version: int, state: str) -> list[dict[str, Any]]:
    """Return what was reported of ``version`` as ``state``, if it is as the schema has it."""
    found = [m for m in boss.answers("/cfg/reported") if (m.get("ver"), m["s"]) == (version, state)]
    for told in found:
        validator("reported").validate(told)
    return found


def test_a_state_that_kills_the_agent_is_taken_back_and_never_tried_again(
    tmp_path: Path, broker: Broker, boss: Boss
) -> None:
    good = Kept(Set({"events.min_hits": 5}, "desired 6", version=6), tried=Tried(6, "a6", ""))
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / overlay.FILE).write_bytes(msgspec.json.encode(good))
    boss.order(f"{PREFIX}/cfg/desired", state(7, {"events.top": 7}), retain=True)
    assert Naive(broker.port).deaths(MANY) == MANY
    with Mortal(tmp_path, broker.port) as ours:
        assert until(lambda: reports(boss, 7, "trying"), PATIENCE_S)
        assert until(lambda: reports(boss, 7, "reverted"), PATIENCE_S)
        assert ours.statuses == [-signal.SIGKILL]
        boss.order(f"{PREFIX}/cmd/restart", lasting(id="r1"))
        assert until(lambda: ours.statuses == [-signal.SIGKILL, 75], PATIENCE_S)
        assert until(lambda: births(boss) >= 3, PATIENCE_S)
        boss.order(f"{PREFIX}/cfg/desired", state(8, {"events.top": 3}), retain=True)
        assert until(lambda: reports(boss, 8, "trying"), PATIENCE_S)
        assert ours.statuses == [-signal.SIGKILL, 75]
    back = reports(boss, 7, "reverted")[-1]
    assert (back["now"], back["set"]) == (6, {"events.min_hits": 5})
    assert "the agent ended while they were tried (killed)" in back["why"]
    log = (tmp_path / "state" / audit.FILE).read_text().splitlines()
    states = [line for line in map(json.loads, log) if line["do"] == "desired"]
    assert [(line["what"], line["id"]) for line in states] == [
        ("begun", "a7"),
        ("failed", "a7"),
        ("begun", "a8"),
    ]
    # By boot: what was not acknowledged before the kill comes again.
    starts = {m["boot"]: m["prev"][2] for m in boss.answers("/sys") if m["k"] == "start"}
    assert [*starts.values()] == ["none", "killed", "clean"]
    assert [m for m in boss.answers("/sys") if m["k"] == "config_reverted"]


def births(boss: Boss) -> int:
    return [m["s"] for m in boss.answers("/status")].count("online")


# --- what is too large


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_an_order_that_is_too_large_is_not_done(
    protocol: str, tmp_path: Path, broker: Broker, boss: Boss
) -> None:
    clock, naive = ManualClock(), Naive(broker.port)
    padded = json.dumps({"id": "a1", "exp": clock.wall_ms() + 1000, "pad": "x" * MAX_BYTES})
    naive.begin()
    with device(broker, tmp_path, clock, protocol) as ours:
        boss.order(f"{PREFIX}/cmd/look", padded.encode())
        boss.order(f"{PREFIX}/cmd/look", expiring(clock, "a2"))
        assert until(lambda: boss.answers("/res/look"), PATIENCE_S)
    assert ours.done == ["a2"]
    assert [notice.why for notice in ours.told] == [f"it is longer than {MAX_BYTES} bytes"]
    assert until(lambda: naive.done == ["look", "look"], PATIENCE_S)
    naive.end()


HUGE = b'{"id": "a1", "pad": "' + b"x" * (8 << 20) + b'"}'
"""A broker takes 256 MB; of 3.1.1 a Raspberry Pi would have to hold them three times over."""


def test_a_huge_order_is_never_sent_to_who_says_what_he_takes(
    tmp_path: Path, broker: Broker, boss: Boss
) -> None:
    boss.order(f"{PREFIX}/cmd/look", HUGE, retain=True)
    naive, clock = Naive(broker.port), ManualClock()
    with device(broker, tmp_path, clock) as ours:
        boss.order(f"{PREFIX}/cmd/look", expiring(clock, "a2"))
        assert until(lambda: boss.answers("/res/look"), PATIENCE_S)
        assert (ours.done, ours.told) == (["a2"], [])
    naive.begin()
    assert until(lambda: naive.done, PATIENCE_S)
    naive.end()
    assert naive.bytes_read == len(HUGE)


def test_where_it_is_sent_all_the_same_nobody_reads_it_and_the_events_go_out(
    tmp_path: Path, broker: Broker, boss: Boss
) -> None:
    boss.order(f"{PREFIX}/cfg/desired", HUGE, retain=True)
    clock = ManualClock()
    ours = Device(broker, tmp_path, clock, "3.1.1")
    ours.link.start()
    assert until(lambda: ours.told, PATIENCE_S)
    assert re.search(
        r"a message of 8\d{6} bytes came.*nothing is listened to for 2 s", ours.told[0].why
    )
    assert until(lambda: ours.link.publish("evt/yard", b"{}", 1), PATIENCE_S)
    assert until(lambda: [m for m in boss.heard if m.topic.endswith("/evt/yard")], PATIENCE_S)
    assert ours.states == []
    boss.order(f"{PREFIX}/cfg/desired", b"", retain=True)

    def heard() -> bool:
        boss.order(f"{PREFIX}/cfg/desired", b"small", retain=False)
        time.sleep(0.2)
        return bool(ours.states)

    assert until(heard, PATIENCE_S)
    ours.link.stop()


# --- the wrong topic


WRONG = (
    "cmd/look/again",
    "cmd/look/",
    "cmd/",
    "cmd",
    "cmd/a/look",
    "cfg/desired/look",
    "cfg/look",
    "cfg",
    "evt/look",
    "res/look",
    "look",
    "",
)


@pytest.mark.parametrize("rest", WRONG)
def test_no_other_topic_is_one_for_orders(rest: str) -> None:
    assert place_of(f"{PREFIX}/{rest}", PREFIX) == ""


def test_only_the_whole_prefix_is_ours() -> None:
    assert place_of(f"{PREFIX}/cmd/look", PREFIX) == ORDERS
    assert place_of(f"{PREFIX}/cfg/desired", PREFIX) == DESIRED
    for odd in ("a/", "/", f"{PREFIX}/", "$share/x/"):
        assert place_of(f"{odd}{PREFIX}/cmd/look", PREFIX) == ""
    assert place_of(f"{PREFIX}2/cmd/look", PREFIX) == ""


def test_orders_on_other_topics_are_not_done(tmp_path: Path, broker: Broker, boss: Boss) -> None:
    """The naive device asks for `cmd/#`, and takes the last part for the order's name."""
    clock, naive = ManualClock(), Naive(broker.port)
    others = ("edge/v1/home/pi2/cmd/look", "edge/v1/farm/pi/cmd/look", "pi/cmd/look")
    within = [f"{PREFIX}/{rest}" for rest in WRONG]
    naive.begin()
    with device(broker, tmp_path, clock) as ours:
        for number, topic in enumerate([*others, *within]):
            boss.order(topic, expiring(clock, f"n{number}"))
        boss.order(f"{PREFIX}/cmd/look", expiring(clock, "a1"))
        assert until(lambda: boss.answers("/res/look")[1:], PATIENCE_S)
    assert ours.done == ["a1"]
    assert ours.states == []
    assert [m.topic for m in boss.heard if "/res/" in m.topic] == [f"{PREFIX}/res/look"] * 2
    naive.end()
    assert naive.done == ["again", "", "", "cmd", "look", "look"]


def leave_session(broker: Broker, client_id: str, topic: str) -> None:
    """Subscribe to ``topic`` in a session that outlives its connection, and go."""
    stranger = Client(CallbackAPIVersion.VERSION2, client_id, clean_session=False)
    subscribed = threading.Event()
    stranger.on_subscribe = lambda *_: subscribed.set()
    stranger.connect("127.0.0.1", broker.port)
    stranger.subscribe(topic, qos=1)
    stranger.loop_start()
    assert subscribed.wait(30)
    stranger.disconnect()
    stranger.loop_stop()


def test_what_somebody_subscribed_under_our_id_is_not_done(
    tmp_path: Path, broker: Broker, boss: Boss
) -> None:
    """Who goes on with a session that was left for his id is handed what he never asked for."""
    clock = ManualClock()
    leave_session(broker, "0123456789abcdef", "edge/v1/home/yard/#")
    boss.order("edge/v1/home/yard/cmd/look", expiring(clock, "n1"))
    naive = Naive(broker.port, session="0123456789abcdef")
    naive.begin()
    assert until(lambda: naive.done == ["look"], PATIENCE_S)
    naive.end()
    with device(broker, tmp_path, clock) as ours:
        boss.order("edge/v1/home/yard/cmd/look", expiring(clock, "n2"))
        boss.order(f"{PREFIX}/cmd/look", expiring(clock, "a1"))
        assert until(lambda: boss.answers("/res/look"), PATIENCE_S)
        assert ours.done == ["a1"]
