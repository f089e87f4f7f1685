import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgeagent import event
from edgeagent.clock import Clock, ManualClock, SystemClock
from edgeagent.config import MqttConfig, OutboxConfig
from edgeagent.event import Event, Source, When
from edgeagent.health import Health
from edgeagent.link import NOT_AUTHORISED, TOO_LARGE
from edgeagent.link.memory import MemoryLink
from edgeagent.outbox import Outbox
from edgeagent.publisher import TRIES, Publisher, letters

BOOT = "1-aaaaaaaa"
UNSPECIFIED = 128


class Bench:
    """A publisher between an outbox and a link in memory."""

    def __init__(
        self,
        folder: Path,
        link: MemoryLink | None = None,
        clock: Clock | None = None,
        **config: Any,  # noqa: ANN401
    ) -> None:
        self.clock = ManualClock()
        self.health = Health()
        self.link = link or MemoryLink()
        used = clock or self.clock
        self.box = Outbox.open(folder, BOOT, OutboxConfig(), lambda _: None, used)
        encode = letters(self.box, "door", used, "kernel01")
        mqtt = MqttConfig(**config)
        self.publisher = Publisher(
            self.box, self.link, encode, used, mqtt, self.health, lambda: b"{}", 60.0
        )

    def put(self, count: int, camera: str = "cam") -> None:
        for _ in range(count):
            told = Event("label", When(1, 1, True, "kernel01"), Source(camera))
            self.box.put(told.kind, event.encode(told))

    def steps(self, count: int = 50, seconds: float = 0.0) -> None:
        for _ in range(count):
            self.clock.advance(seconds)
            self.publisher.step()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(sent.payload) for sent in self.link.sent if sent.token is not None]

    @property
    def seqs(self) -> list[int]:
        return [fields["seq"] for fields in self.events]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "box")
    yield bench
    bench.box.close()


def test_everything_stored_is_sent_once_and_acknowledged(bench: Bench) -> None:
    bench.put(50)
    bench.link.come_up()
    bench.steps(seconds=0.1)
    assert sorted(bench.seqs) == list(range(50))
    assert bench.box.depth == 0
    assert bench.health.counted("published_total") == bench.health.counted("puback_total") == 50
    assert bench.health.snapshot().gauges["outbox_depth"] == 0
    assert bench.link.sent[1].topic == "evt/cam"


def test_nothing_is_sent_without_a_connection(bench: Bench) -> None:
    bench.put(5)
    bench.steps()
    assert bench.link.sent == []
    assert bench.box.depth == 5


def test_live_goes_before_the_backlog_which_is_marked(bench: Bench) -> None:
    bench.put(60)
    bench.link.hold()
    bench.link.come_up()
    bench.steps(1)
    bench.put(3)
    bench.link.answer(3)
    bench.steps(2)
    assert bench.seqs[:20] == list(range(20))
    assert bench.seqs[20:23] == [60, 61, 62]
    assert ["hist" in fields for fields in bench.events] == [True] * 20 + [False] * 3


def test_low_tells_what_is_still_to_come(bench: Bench) -> None:
    bench.put(2)
    bench.link.hold()
    bench.link.come_up()
    bench.steps(1)
    bench.put(1)
    bench.steps(1)
    assert [fields["low"] for fields in bench.events] == [0, 0, 0]
    bench.link.answer(2)
    bench.steps(1)
    bench.put(1)
    bench.steps(1)
    assert bench.events[-1]["low"] == 2


def test_the_backlog_keeps_to_its_pace_with_live_events_and_without(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "box", backlog_per_s=10.0, inflight=5)
    bench.put(100)
    bench.link.come_up()
    for _ in range(20):
        bench.put(1)
        bench.steps(1, seconds=0.1)
    old = [seq for seq in bench.seqs if seq < 100]
    assert 20 <= len(old) <= 30
    bench.steps(20, seconds=0.1)
    assert 40 <= len([seq for seq in bench.seqs if seq < 100]) <= 50
    bench.steps(100, seconds=0.1)
    assert sorted(bench.seqs) == list(range(120))
    bench.box.close()


@pytest.mark.parametrize(("profile", "most"), [("aws-iot", 90), ("emqx-serverless", 9)])
def test_live_events_and_backlog_together_stay_below_what_the_broker_takes(
    profile: str, most: int, tmp_path: Path
) -> None:
    bench = Bench(tmp_path / "box", profile=profile)
    bench.put(200)
    bench.link.come_up()
    for _ in range(4):
        before = len(bench.seqs)
        for _ in range(20):
            bench.put(10)
            bench.steps(5, 0.01)
        assert most * 0.7 < len(bench.seqs) - before <= most
    bench.steps(3000, 0.1)
    assert sorted(bench.seqs) == list(range(1000))
    assert bench.box.depth == 0
    bench.box.close()


def test_what_was_not_sent_for_want_of_room_keeps_its_turn(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "box", MemoryLink(window=1), profile="emqx-serverless")
    bench.put(3)
    bench.link.hold()
    bench.link.come_up()
    bench.steps(3)
    assert bench.seqs == [0]
    bench.link.answer()
    bench.steps(3)
    assert bench.seqs == [0, 1]
    bench.link.answer()
    bench.steps(3)
    assert bench.seqs == [0, 1]
    bench.box.close()


def test_no_more_than_the_window_is_on_its_way(bench: Bench) -> None:
    bench.put(100)
    bench.link.hold()
    bench.link.come_up()
    bench.steps(5)
    assert len(bench.link.sent) - 1 == MqttConfig().inflight
    bench.link.answer(7)
    bench.steps(1, seconds=0.1)
    assert len(bench.link.sent) - 1 == MqttConfig().inflight + 7


def test_what_was_not_acknowledged_is_sent_again_after_a_reconnect(bench: Bench) -> None:
    bench.put(10)
    bench.link.hold()
    bench.link.come_up()
    bench.steps(1)
    bench.link.answer(4)
    bench.steps(1)
    bench.link.come_up()
    bench.steps(1)
    assert bench.seqs == [*range(10), *range(4, 10)]
    again = [fields for sent, fields in zip(bench.link.sent[-6:], bench.events[-6:], strict=True)
             if sent.connection == 2]  # fmt: skip
    assert [fields["boot"] for fields in again] == [BOOT] * 6
    bench.link.answer()
    bench.steps(1)
    assert bench.box.depth == 0


def test_an_acknowledgement_that_came_before_the_cut_counts(bench: Bench) -> None:
    bench.put(3)
    bench.link.hold()
    bench.link.come_up()
    bench.steps(1)
    bench.link.answer()
    bench.link.go_down()
    bench.steps(1)
    assert bench.box.depth == 0


def test_what_the_account_may_not_publish_is_kept_and_tried_again(bench: Bench) -> None:
    bench.put(30)
    bench.link.refuse("evt/cam", NOT_AUTHORISED)
    bench.link.come_up()
    bench.steps(20)
    assert bench.box.depth == 30
    first = len(bench.link.sent)
    assert first <= 30
    assert "does not take evt/cam" in bench.health.snapshot().states["publisher"]
    bench.steps(20, seconds=0.01)
    assert len(bench.link.sent) == first
    bench.link.refuse("evt/cam", 0)
    bench.steps(60, seconds=0.1)
    assert bench.box.depth == 0
    assert bench.health.counted("refused_total") == 0
    assert bench.health.snapshot().states == {}


def test_one_forbidden_topic_does_not_hold_up_the_others(bench: Bench) -> None:
    for _ in range(100):
        bench.put(1, "forbidden")
        bench.put(4, "allowed")
    bench.link.refuse("evt/forbidden", NOT_AUTHORISED)
    bench.link.come_up()
    bench.steps(200, seconds=0.1)
    assert bench.box.depth == 100
    assert bench.health.counted("refused_total") == 0


def test_a_denied_account_is_asked_less_and_less_often(bench: Bench) -> None:
    bench.put(1)
    bench.link.refuse("evt/cam", NOT_AUTHORISED)
    bench.link.come_up()
    bench.steps(1000, seconds=0.5)
    assert 8 <= len(bench.events) <= 20


def test_a_message_refused_for_its_own_sake_becomes_a_gap(bench: Bench) -> None:
    bench.put(1, "bad")
    bench.put(1)
    bench.link.refuse("evt/bad", UNSPECIFIED)
    bench.link.come_up()
    bench.steps(100, seconds=0.1)
    topics = [sent.topic for sent in bench.link.sent if sent.token is not None]
    assert topics.count("evt/bad") == TRIES
    gap = bench.events[-1]
    assert (gap["k"], gap["from"], gap["to"], gap["why"]) == ("gap", 0, 0, "refused")
    assert bench.box.depth == 0
    assert bench.health.counted("refused_total") == 1


def test_a_message_too_large_for_the_broker_is_given_up_at_once(bench: Bench) -> None:
    bench.put(1)
    bench.link.refuse("evt/cam", TOO_LARGE)
    bench.link.come_up()
    bench.steps(5)
    assert [fields["k"] for fields in bench.events] == ["label", "gap"]


def test_a_record_that_cannot_be_decoded_does_not_hold_up_the_others(bench: Bench) -> None:
    bench.box.put("label", b"\xc1 no record")
    bench.put(2)
    bench.link.come_up()
    bench.steps(5)
    assert sorted((fields["seq"], fields["k"]) for fields in bench.events) == [
        (1, "label"),
        (2, "label"),
        (3, "gap"),
    ]


def test_full_notices_are_a_fault_of_health_until_some_are_sent(bench: Bench) -> None:
    while bench.box.put("camera_lost", b"\xc1" * 60_000).seq >= 0:
        pass
    bench.steps(1)
    assert "the notices are full" in bench.health.snapshot().states["outbox"]
    assert bench.health.snapshot().gauges["outbox_lost"] == 1
    bench.link.come_up()
    bench.steps(20, seconds=1.0)
    assert "outbox" not in bench.health.snapshot().states


def test_stat_goes_at_qos_0_every_so_often(bench: Bench) -> None:
    bench.link.come_up()
    bench.steps(130, seconds=1.0)
    stats = [sent for sent in bench.link.sent if sent.topic == "stat"]
    assert len(stats) == 3
    assert {sent.token for sent in stats} == {None}


def test_a_full_window_of_the_link_loses_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "box")
    bench.link = MemoryLink(window=3)
    encode = letters(bench.box, "door", bench.clock, "kernel01")
    publisher = Publisher(bench.box, bench.link, encode, bench.clock, MqttConfig(), bench.health)
    bench.put(20)
    bench.link.hold()
    bench.link.come_up()
    for _ in range(20):
        publisher.step()
        bench.link.answer(2)
    assert bench.seqs == list(range(20))
    bench.box.close()


def _until_sent(bench: Bench) -> float:
    time.sleep(0.1)
    began_s = time.monotonic()
    bench.put(1)
    while bench.box.depth:
        time.sleep(0.001)
    return time.monotonic() - began_s


def test_a_put_wakes_the_thread_that_sends(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "box", clock=SystemClock())
    bench.link.come_up()
    stop = threading.Event()
    thread = threading.Thread(target=bench.publisher.run, args=(stop,))
    thread.start()
    waits_s = [_until_sent(bench) for _ in range(5)]
    # A thread that looks by itself does so once a second; a busy machine delays some, not all.
    assert min(waits_s) < 0.5
    stop.set()
    bench.link.wake()
    thread.join(2)
    assert not thread.is_alive()
    bench.box.close()


def test_a_stop_sends_what_is_left_within_its_limit(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "box", clock=SystemClock(), backlog_per_s=1.0)
    bench.put(500)
    assert not bench.publisher.drain(5.0)
    bench.link.come_up()
    assert bench.publisher.drain(5.0)
    bench.put(1)
    bench.link.hold()
    began_s = time.monotonic()
    assert not bench.publisher.drain(0.2)
    assert time.monotonic() - began_s < 2
    bench.box.close()
