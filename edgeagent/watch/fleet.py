"""All that was heard, by device: a bounded amount, however many talk and whatever they say."""

import re
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from edgeagent.terminal import clean
from edgeagent.watch.complete import Ledger
from edgeagent.watch.reading import (
    MAX_TEXT,
    Message,
    message_of,
    number_of,
    table_of,
    text_of,
    texts_of,
    whole_of,
)
from edgeagent.watch.spark import Rate
from edgeagent.watch.words import event_words

MAX_DEVICES = 1000
MAX_CAMERAS = 32
MAX_EVENTS = 300
ONLINE, OFFLINE, STOPPED, UNKNOWN = "online", "offline", "stopped", "unknown"
LINKS = {ONLINE: "it is there", OFFLINE: "the broker lost it", STOPPED: "it was stopped"}
"""What a device's ``status`` says, in words."""


@dataclass(slots=True)
class Camera:
    """One camera of a device, by its events."""

    rate: Rate = field(default_factory=Rate)
    last: str = ""
    """Its last event in words."""
    heard_s: float = 0.0


@dataclass(slots=True)
class Device:
    """One device, as it shows itself."""

    site: str
    name: str
    link: str = UNKNOWN
    """By its birth and its will; they are retained."""
    link_s: float | None = None
    """Since when, by our clock; None: it was so when we came."""
    version: str = ""
    board: str = ""
    engines: list[str] = field(default_factory=list)
    models: dict[str, str] = field(default_factory=dict)
    """Name to digest."""
    cameras: dict[str, Camera] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    pending: int | None = None
    """Events that it has not sent yet, by its own count."""
    rate: Rate = field(default_factory=Rate)
    ledger: Ledger = field(default_factory=Ledger)
    events: int = 0
    heard_s: float = 0.0

    @property
    def where(self) -> str:
        """``home/door``."""
        return f"{self.site}/{self.name}" if self.site else self.name


@dataclass(frozen=True, slots=True)
class Told:
    """One thing worth a line."""

    at_ms: int
    """Unix milliseconds: the event's own where its clock was set, else when it arrived."""
    device: str
    camera: str
    kind: str
    words: str
    late: bool = False
    """It comes from the device's backlog."""
    news: bool = False
    """It is not an event: a device came, went, or lost something."""


class Fleet:
    """Everything heard since the beginning. One thread calls."""

    def __init__(self, prefix: str) -> None:
        """Prepare for topics that begin with ``prefix``, which may have {site} and {device}."""
        self._topic = re.compile(_pattern(prefix))
        self.devices: OrderedDict[tuple[str, str], Device] = OrderedDict()
        self.told: deque[Told] = deque(maxlen=MAX_EVENTS)
        self.unread = 0
        """Messages that were none of ours."""
        self.events = 0
        self.rate = Rate()

    def hear(self, topic: str, payload: bytes, now_s: float, wall_ms: int) -> list[Told]:
        """Take in one message; return what is new in it for a person.

        Args:
            topic: the whole of it.
            payload: as it came.
            now_s: monotonic.
            wall_ms: unix milliseconds, ours.
        """
        message, match = message_of(payload), self._topic.fullmatch(topic)
        if match is None:
            return []
        if message is None:
            self.unread += bool(payload)
            return []
        device = self._device(match.groupdict(), message)
        if device is None:
            return []
        device.heard_s = now_s
        told = [*self._take(device, match["rest"], message, now_s, wall_ms)]
        self.told.extend(told)
        return told

    def interrupted(self) -> None:
        """Nothing was heard for a while: what was sent meanwhile is not judged."""
        for device in self.devices.values():
            device.ledger.interrupted()

    def _device(self, named: dict[str, str | None], message: Message) -> Device | None:
        site = clean((named.get("site") or "")[:32])
        name = clean((named.get("device") or "")[:32]) or text_of(message, "dev")[:32]
        known = self.devices.get((site, name))
        if known is None and name and len(self.devices) < MAX_DEVICES:
            known = self.devices[site, name] = Device(site, name)
        return known

    def _take(
        self, device: Device, rest: str, message: Message, now_s: float, wall_ms: int
    ) -> Iterator[Told]:
        match rest.split("/"):
            case ["status"]:
                yield from _status(device, message, now_s, wall_ms)
            case ["info"]:
                _info(device, message)
            case ["stat"]:
                yield from _stat(device, message, wall_ms)
            case ["evt" | "vec", _] | ["sys"]:
                yield from self._event(device, message, now_s, wall_ms)

    def _event(
        self, device: Device, message: Message, now_s: float, wall_ms: int
    ) -> Iterator[Told]:
        seq, low = whole_of(message, "seq"), whole_of(message, "low")
        kind, boot = text_of(message, "k")[:32], text_of(message, "boot")[:36]
        if seq is None or low is None or not kind or not boot:
            self.unread += 1
            return
        self.events += 1
        device.events += 1
        for rate in (self.rate, device.rate):
            rate.count(now_s)
        told = _told(device, kind, message, wall_ms)
        _at_camera(device, told, now_s)
        yield told
        yield from _judged(device, message, boot, (seq, low), wall_ms)


def _pattern(prefix: str) -> str:
    """Return what topics below ``prefix`` look like, as a regular expression."""
    pattern = re.escape(prefix)
    for name in ("site", "device"):
        pattern = pattern.replace(re.escape(f"{{{name}}}"), f"(?P<{name}>[^/]*)", 1)
        pattern = pattern.replace(re.escape(f"{{{name}}}"), "[^/]*")
    return f"{pattern}/(?P<rest>.*)"


def _status(device: Device, message: Message, now_s: float, wall_ms: int) -> Iterator[Told]:
    link = text_of(message, "s")
    if link not in LINKS or link == device.link:
        return
    is_news = device.link != UNKNOWN
    device.link, device.link_s = link, now_s if is_news else None
    if is_news:
        yield Told(wall_ms, device.where, "", link, LINKS[link], news=True)


def _info(device: Device, message: Message) -> None:
    device.version, device.board = text_of(message, "agent"), text_of(message, "board")
    device.engines = texts_of(message, "engines")
    models = list(table_of(message, "models").items())[:MAX_CAMERAS]
    device.models = {clean(name[:64]): clean(str(digest)[:8]) for name, digest in models}
    for camera in texts_of(message, "cameras"):
        device.cameras.setdefault(camera[:32], Camera())


def _stat(device: Device, message: Message, wall_ms: int) -> Iterator[Told]:
    gauges, faults = table_of(message, "g"), table_of(message, "f")
    if "outbox_depth" in gauges:
        device.pending = round(number_of(gauges, "outbox_depth"))
    known = device.faults
    device.faults = {
        clean(part[:32]): clean(why[:MAX_TEXT])
        for part, why in list(faults.items())[:MAX_CAMERAS]
        if isinstance(why, str)
    }
    for part in device.faults.keys() - known.keys():
        words = f"{part}: {device.faults[part]}"
        yield Told(wall_ms, device.where, "", "fault", words, news=True)
    for part in known.keys() - device.faults.keys():
        yield Told(wall_ms, device.where, "", "well", f"{part} is well again", news=True)


def _told(device: Device, kind: str, message: Message, wall_ms: int) -> Told:
    at_ms = whole_of(message, "ts") if whole_of(message, "tsq") else None
    late, camera = message.get("hist") is True, text_of(message, "cam")[:32]
    return Told(at_ms or wall_ms, device.where, camera, kind, event_words(message), late)


def _at_camera(device: Device, told: Told, now_s: float) -> None:
    if not told.camera or len(device.cameras) > MAX_CAMERAS:
        return
    camera = device.cameras.setdefault(told.camera, Camera())
    camera.rate.count(now_s)
    camera.last, camera.heard_s = f"{told.kind} {told.words}", now_s


def _judged(
    device: Device, message: Message, boot: str, numbers: tuple[int, int], wall_ms: int
) -> Iterator[Told]:
    """Tell of what is known to be lost since this message."""
    before, ledger = device.ledger.lost, device.ledger
    ledger.hear(boot, *numbers)
    first, last = whole_of(message, "from"), whole_of(message, "to")
    if text_of(message, "k") == "gap" and first is not None and last is not None:
        ledger.gap(text_of(message, "of")[:36] or boot, first, last)
    if (lost := ledger.lost) > before:
        words = f"{lost - before} events never came, and no gap names them"
        yield Told(wall_ms, device.where, "", "lost", words, news=True)
