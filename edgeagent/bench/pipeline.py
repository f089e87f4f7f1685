"""Every stage apart, from the source to the broker's acknowledgement. ``pipeline``.

`Agent.run`, a real outbox on the disk, and the real publisher.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from edgeagent import event as events
from edgeagent.agent import Agent
from edgeagent.bench.found import Found, Plan
from edgeagent.bench.river import MOST_FRAMES, Kept, Progress, eager
from edgeagent.clock import Clock, SystemClock, kernel_boot
from edgeagent.config import CameraConfig, Config, MqttConfig, OutboxConfig
from edgeagent.event import Event
from edgeagent.findings import Notice
from edgeagent.frame import Frame
from edgeagent.health import Health
from edgeagent.laps import StopWatch
from edgeagent.link import Ack, Link
from edgeagent.link.memory import MemoryLink
from edgeagent.mqtt import MqttLink, Words
from edgeagent.outbox import Letter, Outbox
from edgeagent.publisher import Encode, Publisher, letters
from edgeagent.sources import Source
from edgeagent.wire import json
from edgeagent.wire.device import info_fields, status_fields

DEVICE = "bench"
BOOT = "0-bench"
CONNECT_S = 10.0
"""Longest wait for the broker; without it all events would be of the backlog."""
DRAIN_S = 10.0

NO_BROKER = "no broker: the link is in memory, and acknowledges at once"
OFTEN = "events are said as often as there is anything to say, which an agent would not do"


@dataclass(slots=True)
class _Post:
    """What became of each event, by its seq, on the clock of `time.perf_counter_ns`."""

    taken_ns: dict[int, int] = field(default_factory=dict)
    """When its frame was in hand."""
    put_ns: dict[int, int] = field(default_factory=dict)
    """When it was in the outbox."""
    sent_ns: dict[int, int] = field(default_factory=dict)
    """When the link had it."""
    acked_ns: dict[int, int] = field(default_factory=dict)
    """When the publisher knew that the broker has it."""

    def publish_ns(self) -> list[int]:
        """Return how long each waited in the outbox."""
        # Another thread takes it there, and may be faster than this one with its watch.
        return [max(at - self.put_ns[seq], 0) for seq, at in self.sent_ns.items()]

    def puback_ns(self) -> list[int]:
        """Return how long each broker's answer took."""
        return [at - self.sent_ns[seq] for seq, at in self.acked_ns.items()]

    def whole_ms(self) -> list[float]:
        """Return how long each took from its frame in hand to its acknowledgement."""
        return [(at - self.taken_ns[seq]) / 1e6 for seq, at in self.acked_ns.items()]


class _Watch(StopWatch):
    """Remembers besides when the frame under way was in hand."""

    taken_ns = 0

    def mark(self, stage: str) -> None:
        """See `Laps.mark`."""
        super().mark(stage)
        if stage == "source":
            self.taken_ns = self._last_ns


class _TimedLink:
    """A `Link` that passes all on and notes the times. The publisher's thread's own."""

    def __init__(self, link: Link, post: _Post) -> None:
        self._link, self._post = link, post
        self._seqs: dict[int, int] = {}
        self.seq = 0
        """Of the letter that was encoded last, and so is published next."""
        self.start, self.wait, self.wake = link.start, link.wait, link.wake
        self.stop, self.announce = link.stop, link.announce
        self.listen, self.reply = link.listen, link.reply
        self.follow, self.keep = link.follow, link.keep
        self.kept, self.greet = link.kept, link.greet

    @property
    def up(self) -> int:
        """See `Link.up`."""
        return self._link.up

    def publish(self, topic: str, payload: bytes, token: int | None) -> bool:
        """See `Link.publish`."""
        taken = self._link.publish(topic, payload, token)
        if taken and token is not None:
            self._seqs[token] = self.seq
            self._post.sent_ns[self.seq] = time.perf_counter_ns()
        return taken

    def acknowledged(self) -> list[Ack]:
        """See `Link.acknowledged`."""
        acks = self._link.acknowledged()
        now_ns = time.perf_counter_ns()
        for seq in (self._seqs.pop(ack.token) for ack in acks if ack.taken):
            self._post.acked_ns[seq] = now_ns
        return acks


class _Enough:
    """A `Source` that ends when the model ran often enough."""

    def __init__(self, source: Source, watch: StopWatch, runs: int, progress: Progress) -> None:
        self._source, self._watch, self._runs, self._progress = source, watch, runs, progress
        self.ends, self.dropped, self.close = True, 0, source.close

    def frames(self) -> Iterator[Frame]:
        """See `Source.frames`."""
        for number, frame in enumerate(self._source.frames()):
            if not number:
                # Opening the clip is in no lap.
                self._watch.start()
            yield frame
            done = len(self._watch.laps_ns.get("invoke", ()))
            self._progress(done, self._runs)
            if done >= self._runs or number >= MOST_FRAMES * self._runs:
                return


def pipeline(plan: Plan, progress: Progress, folder: Path, port: int | None) -> Found:
    """Take frames from the clip to the broker, flat out, until the model ran often enough.

    Args:
        plan: what is measured.
        progress: hears how far it has come.
        folder: for the outbox; on the disk that the real one is on.
        port: of a broker on this machine, without TLS; None: no broker, a link in memory.

    Raises:
        CameraError: the clip cannot be read.
        OutboxError: the folder cannot be written.
    """
    watch, post, clock = _Watch(), _Post(), SystemClock()
    agent = Agent(CameraConfig(name="clip"), _talkative(plan.config), plan.engines, clock)
    with (
        closing(Outbox.open(folder, BOOT, OutboxConfig(), _unheard, clock)) as outbox,
        _published(outbox, post, port, clock),
        plan.source(clock) as source,
    ):

        def put(event: Event) -> None:
            record = events.encode(event)
            watch.mark("record")
            seq = outbox.put(event.kind, record).seq
            post.put_ns[seq], post.taken_ns[seq] = time.perf_counter_ns(), watch.taken_ns

        agent.run(_Enough(source, watch, plan.runs, progress), put, watch)
    return _found(plan, agent.health, watch, post, port)


def _talkative(config: Config) -> Config:
    """Return ``config`` with an event for each frame that moved, or there is little to measure."""
    said = msgspec.structs.replace(config.events, per_minute=1e6)
    motion = msgspec.structs.replace(config.motion, every_s=0.0)
    return msgspec.structs.replace(eager(config), events=said, motion=motion)


def _unheard(notice: Notice) -> None:
    """Hear ``notice`` and keep it."""


@contextmanager
def _published(outbox: Outbox, post: _Post, port: int | None, clock: Clock) -> Iterator[None]:
    """Publish what is put, in a thread, until all of it is acknowledged."""
    link = _TimedLink(_link(port), post)
    encode = _noting(letters(outbox, DEVICE, clock, kernel_boot()), link)
    publisher = Publisher(outbox, link, encode, clock, MqttConfig(), Health())
    stop = threading.Event()
    thread = threading.Thread(target=publisher.run, args=(stop,), name="publisher", daemon=True)
    link.start()
    end_s = clock.mono_s() + CONNECT_S
    while not link.up and clock.mono_s() < end_s:
        link.wait(0.1)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        link.wake()
        thread.join()
        publisher.drain(DRAIN_S)
        link.stop()


def _link(port: int | None) -> Link:
    if port is None:
        link = MemoryLink()
        link.come_up()
        return link
    config = MqttConfig(host="127.0.0.1", port=port, tls=False)
    words = Words(
        f"edge/v1/bench/{DEVICE}",
        "edgeagent-bench",
        status=lambda state: json.encode("status", status_fields(DEVICE, state, 0)),
        info=lambda: json.encode("info", info_fields({"ts": 0, "dev": DEVICE})),
    )
    return MqttLink(config, words, _unheard)


def _noting(encode: Encode, link: _TimedLink) -> Encode:
    def encode_and_note(letter: Letter, hist: bool) -> tuple[str, bytes]:
        link.seq = letter.seq
        return encode(letter, hist)

    return encode_and_note


def _found(plan: Plan, health: Health, watch: StopWatch, post: _Post, port: int | None) -> Found:
    counted = {what: health.counted(f"{what}_total.clip") for what in ("frames", "moved")}
    stages = {**watch.laps_ns, "publish": post.publish_ns(), "PUBACK": post.puback_ns()}
    return Found(
        "an event, from its frame in hand to the broker's acknowledgement",
        post.whole_ms(),
        stages,
        Kept(frames=counted["frames"], moved=counted["moved"]),
        {"runs": plan.runs},
        {"events": len(post.put_ns), "acknowledged": len(post.acked_ns)},
        notes=(OFTEN,) if port else (OFTEN, NO_BROKER),
    )
