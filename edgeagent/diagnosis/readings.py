"""What is known of each part at one instant, before it is judged."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgeagent.machine import Disk


@dataclass(frozen=True, slots=True)
class CameraReading:
    """One camera."""

    state: str = "watched"
    """``watched``; any other word is meant to be: ``paused``, ``lent``, ``ended``."""
    silent_s: float = 0.0
    """Since its last frame, or since it was begun."""
    stall_s: float = 10.0
    """After which its source gives up by itself; see ``camera.stall_s``."""
    lost: str = ""
    """Why it could not be opened or read, "" while it gives frames."""
    lost_s: float = 0.0
    detail_lost: str = ""
    """Why its main stream is away; "" where it is there, or there is none."""
    stuck: str = ""
    """Why the watchdog takes its looker for stuck."""
    source: str = "video"
    address: str = ""
    """As in the settings, without a password."""


@dataclass(frozen=True, slots=True)
class MotionReading:
    """The gates of all cameras, over the last minutes."""

    over_s: float = 0.0
    """How long the figures below were gathered."""
    withheld: int = 0
    """Times that there was news and ``events.per_minute`` forbade to say it."""
    shares: Mapping[str, float] = field(default_factory=dict)
    """Camera to the share of its frames in which something moved."""


@dataclass(frozen=True, slots=True)
class EngineReading:
    """One model."""

    runs: str = "cpu"
    """What runs it now: ``cpu``, ``usb:0``; ``none``: nothing does."""
    is_accelerated: bool = False
    """It is to run on an Edge TPU."""
    lost: Mapping[str, str] = field(default_factory=dict)
    """Edge TPU that is away to ``cause: why``."""
    slow: Mapping[str, str] = field(default_factory=dict)
    """Edge TPU that is slower than it was to why."""
    refused: str = ""
    """Why the bundle in the settings was refused; what runs is the last good one."""


@dataclass(frozen=True, slots=True)
class OutboxReading:
    """The queue on disk."""

    pending: int = 0
    fullness: float = 0.0
    """Which share of its room the fuller of the two logs takes, events or notices."""
    over_s: float = 0.0
    """How long the three below were gathered."""
    lost: int = 0
    """Events that went for want of room, or were too old, or were refused by the broker."""
    refused: int = 0
    """Notices refused for want of room."""
    grown: int = 0
    """By how many events it grew while there was a connection."""
    fault: str = ""
    """In its own words; "" while it is well."""


@dataclass(frozen=True, slots=True)
class LinkReading:
    """The way to the broker."""

    host: str = ""
    """"": none is set."""
    is_up: bool = False
    down_s: float = 0.0
    why: str = ""
    """Why the last connection ended or was not made."""
    denied: str = ""
    """What the broker does not take from this account."""


@dataclass(frozen=True, slots=True)
class ClockReading:
    """The wall clock."""

    is_set: bool = True
    up_s: float = 0.0
    """Since the agent began."""


@dataclass(frozen=True, slots=True)
class DiskReading:
    """What the outbox lies on."""

    folder: str = ""
    disk: Disk | None = None
    """None: nobody has looked yet, or it cannot be told."""
    written_per_day: float | None = None
    """Bytes written to the whole device, by the mean of at least a day; None: not known yet."""
    waits_s: float = 0.0
    """For how long somebody who only looks at it has been waiting for an answer."""


@dataclass(frozen=True, slots=True)
class HeatReading:
    """The board's temperature and power."""

    soc_c: float | None = None
    throttled: tuple[str, ...] = ()
    """See `machine.Weather.throttled`."""


@dataclass(frozen=True, slots=True)
class Readings:
    """The whole agent."""

    cameras: Mapping[str, CameraReading] = field(default_factory=dict)
    motion: MotionReading = MotionReading()
    engines: Mapping[str, EngineReading] = field(default_factory=dict)
    outbox: OutboxReading = OutboxReading()
    link: LinkReading = LinkReading()
    clock: ClockReading = ClockReading()
    disk: DiskReading = DiskReading()
    heat: HeatReading = HeatReading()
    others: Mapping[str, str] = field(default_factory=dict)
    """Parts without a reading of their own to what is wrong with them."""
