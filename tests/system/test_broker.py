"""The whole right half under fire: outbox, publisher and link, and a broker that is killed."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeagent import event
from edgeagent.clock import SystemClock, kernel_boot
from edgeagent.config import MqttConfig, OutboxConfig
from edgeagent.event import Event, Source
from edgeagent.findings import Notice
from edgeagent.health import Health
from edgeagent.mqtt import MqttLink, Words
from edgeagent.outbox import Outbox
from edgeagent.publisher import Publisher, letters

from .conftest import Broker, Ear, until

BOOT = "1-0badcafe"


class Chain:
    """Outbox, publisher and link as the supervisor puts them together, and one who puts."""

    def __init__(
        self, folder: Path, port: int, ca_file: str = "", config: MqttConfig | None = None
    ) -> None:
        """``config``: the whole of it, names filled in, instead of ``port`` and ``ca_file``."""
        self.clock, self.health = SystemClock(), Health()
        self.told: list[Notice] = []
        self.outbox = Outbox.open(folder, BOOT, OutboxConfig(), self.told.append)
        config = config or MqttConfig(
            host="127.0.0.1",
            prefix="edge/v1/home/pi",
            port=port,
            tls=bool(ca_file),
            ca_file=ca_file,
            connect_s=3.0,
            backoff_max_s=0.5,
        )
        who = config.client_id or "a1b2"
        words = Words(config.prefix, who, lambda s: f'{{"s":"{s}"}}'.encode(), lambda: b"{}")
        self.link = MqttLink(config, words, self.told.append)
        encode = letters(self.outbox, "pi", self.clock, kernel_boot())
        self.publisher = Publisher(self.outbox, self.link, encode, self.clock, config, self.health)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self.publisher.run, args=(self._stop,))
        self.link.start()
        self._thread.start()

    def put(self, count: int, per_s: float) -> None:
        for _ in range(count):
            now = event.now(self.clock, "")
            told = Event("label", now, Source("yard"), names=(("cat", 0.9),))
            self.outbox.put(told.kind, event.encode(told))
            time.sleep(1 / per_s)

    def close(self) -> None:
        self._stop.set()
        self.link.wake()
        self._thread.join(10)
        self.link.stop()
        self.outbox.close()


@pytest.fixture
def chain(tmp_path: Path, broker: Broker) -> Iterator[Chain]:
    made = Chain(tmp_path / "outbox", broker.port)
    yield made
    made.close()


def test_every_stored_event_is_acknowledged_although_the_broker_is_stopped_and_killed(
    chain: Chain, broker: Broker, ear: Ear
) -> None:
    count = 1500
    putting = threading.Thread(target=chain.put, args=(count, 200.0))
    putting.start()
    for down in (broker.end, broker.kill, broker.kill):
        time.sleep(1.2)
        down()
        time.sleep(0.8)
        broker.start()
    putting.join()
    assert until(lambda: chain.outbox.depth == 0, 60)
    assert chain.health.counted("puback_total") == count
    assert chain.health.counted("refused_total") == 0
    assert [n for n in chain.told if n.part == "disk"] == []
    live = [m["seq"] for m in ear.said("/evt/yard") if not m.get("hist")]
    assert any(m.get("hist") for m in ear.said("/evt/yard"))
    assert len(live) > count / 10
    heard = {m["seq"] for m in ear.said("/evt/yard")}
    # Acknowledged by the broker, and gone with it when it was killed: its own loss.
    print(f"acknowledged {count}, lost by the broker after its PUBACK {count - len(heard)}")
    assert heard <= set(range(count))
    assert max(heard) == count - 1


def test_ten_thousand_events_at_full_rate_all_come_once(chain: Chain, ear: Ear) -> None:
    assert until(lambda: chain.link.up)
    chain.put(10_000, per_s=1e9)
    assert until(lambda: chain.outbox.depth == 0, 60)
    assert until(lambda: len(ear.said("/evt/yard")) == 10_000, 60)
    assert sorted(m["seq"] for m in ear.said("/evt/yard")) == list(range(10_000))
    assert chain.health.counted("published_total") == 10_000
