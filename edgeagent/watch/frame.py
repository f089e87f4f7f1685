"""A fleet as the lines of a terminal: what is heard goes in, text comes out, and nothing else."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from edgeagent.terminal import Ink, Style, columns, fit
from edgeagent.watch.fleet import OFFLINE, ONLINE, STOPPED, Camera, Device, Fleet, Told
from edgeagent.watch.spark import sparkline

FEW = 4
"""So many devices are told of with their cameras."""
SPARK = 24
"""Bars of five seconds each: two minutes."""
LEAST_EVENTS = 4
"""Lines that are left for events, however many devices there are."""
_LINKS: dict[str, Style] = {ONLINE: "green", OFFLINE: "red", STOPPED: "yellow"}
_KINDS: dict[str, Style] = {**_LINKS, "lost": "red", "gap": "yellow", "fault": "yellow",
                            "well": "green"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Now:
    """The instant that a frame shows, and how."""

    mono_s: float
    wall_ms: int
    columns: int
    lines: int
    where: str = ""
    """Which broker."""
    trouble: str = ""
    """Why nothing is heard just now."""
    zone: tzinfo | None = None
    """None: the machine's own."""


def frame(fleet: Fleet, now: Now, ink: Ink) -> list[str]:
    """Return exactly ``now.lines`` lines, none of them wider than ``now.columns``."""
    head = [*_head(fleet, now, ink), ""]
    room = max(now.lines - len(head) - LEAST_EVENTS - 1, 2)
    body = _devices(fleet, now, ink, room)
    lines = [*head, *body, "", *_events(fleet, now, ink, now.lines - len(head) - len(body) - 1)]
    return (lines + [""] * now.lines)[: now.lines]


def _head(fleet: Fleet, now: Now, ink: Ink) -> Iterator[str]:
    online = sum(device.link == ONLINE for device in fleet.devices.values())
    devices = f"{_many(len(fleet.devices), 'device')}, {online} online"
    left = f"{now.where}   {devices}   {_many(fleet.events, 'event')}"
    clock = f"{_local(now.wall_ms, now.zone):%H:%M:%S}"
    room = now.columns - len(clock) - 1
    if room < 20:
        yield fit(left, now.columns)
        return
    yield ink("bold", fit(left, room)) + " " + ink("dim", clock)
    if now.trouble:
        yield ink("red", fit(now.trouble, now.columns))


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _devices(fleet: Fleet, now: Now, ink: Ink, room: int) -> list[str]:
    """Return the devices' lines: a few with all there is of them, many with one each."""
    devices = sorted(fleet.devices.values(), key=lambda device: device.where)
    if not devices:
        return [ink("dim", fit("nothing heard yet", now.columns))]
    width = min(max(8, *(columns(device.where) for device in devices)), 24)
    if len(devices) <= FEW:
        blocks = [line for device in devices for line in _block(device, width, now, ink)]
        if len(blocks) <= room:
            return blocks
    if len(devices) <= room:
        return [_row(device, width, now, ink) for device in devices]
    # A sort is stable: those of equal trouble stay in the order of their names.
    first = sorted(devices, key=_trouble, reverse=True)
    shown, left = first[: room - 1], first[room - 1 :]
    well = sum(not _trouble(device) for device in left)
    more = ink("dim", fit(f"and {len(left)} more, {well} of them well", now.columns))
    return [*(_row(device, width, now, ink) for device in shown), more]


def _trouble(device: Device) -> int:
    """Return how much attention it needs."""
    return 4 * (device.link == OFFLINE) + 2 * bool(device.ledger.lost) + bool(device.faults)


def _block(device: Device, width: int, now: Now, ink: Ink) -> list[str]:
    lines = [_row(device, width, now, ink)]
    if len(device.cameras) > 1:
        lines += [_camera(name, one, width, now, ink) for name, one in device.cameras.items()]
    faults = (f"  ! {part}: {why}" for part, why in device.faults.items())
    return lines + [ink("yellow", fit(fault, now.columns)) for fault in faults]


Cell = tuple[Style, str]
"""A piece of a line, cut to its width already."""


def _row(device: Device, width: int, now: Now, ink: Ink) -> str:
    lost = device.ledger.lost
    whole: Cell = ("red", f"{lost} lost") if lost else ("dim", "complete" if device.events else "")
    away = _ago(now.mono_s - device.link_s) if device.link_s is not None else ""
    link = f"{device.link} {away}" if device.link != ONLINE else device.link
    cells: list[Cell] = [
        ("bold", fit(device.where, width)),
        (_LINKS.get(device.link, "dim"), fit(link, 12)),
        ("cyan", sparkline(device.rate.lately(now.mono_s)[-SPARK:], SPARK)),
        ("plain", fit(f"{device.rate.per_minute(now.mono_s)}/min", 8)),
        (whole[0], fit(whole[1], 9)),
        ("plain", fit("+".join(device.engines), 5)),
        ("dim", _what(device)),
    ]
    return _joined(cells, now.columns, ink)


def _what(device: Device) -> str:
    pending = f"{device.pending:,} to send" if device.pending else ""
    models = " ".join(device.models)
    return "  ".join(filter(None, [pending, models, device.version, device.board]))


def _camera(name: str, camera: Camera, width: int, now: Now, ink: Ink) -> str:
    ago = _ago(now.mono_s - camera.heard_s) if camera.heard_s else ""
    cells: list[Cell] = [
        ("plain", fit(f"  {name}", width)),
        ("dim", fit(ago, 12)),
        ("cyan", sparkline(camera.rate.lately(now.mono_s)[-SPARK:], SPARK)),
        ("plain", fit(f"{camera.rate.per_minute(now.mono_s)}/min", 8)),
        ("dim", camera.last),
    ]
    return _joined(cells, now.columns, ink)


def _joined(cells: Sequence[Cell], width: int, ink: Ink) -> str:
    """Return the cells with two columns between them, cut where the line ends."""
    line, left = "", width
    for style, whole in cells:
        text = fit(whole, min(left, columns(whole)))
        line += ink(style, text) if text.strip() else text
        left -= columns(text) + 2
        if left <= 0:
            break
        line += "  "
    return line.rstrip()


def _events(fleet: Fleet, now: Now, ink: Ink, room: int) -> list[str]:
    shown = list(fleet.told)[-room:] if room > 0 else []
    widths = (
        _widest([told.device for told in shown], 24) if len(fleet.devices) > 1 else 0,
        _widest([told.camera for told in shown], 16),
        _widest([told.kind for told in shown], 16),
    )
    return [_event(told, widths, now, ink) for told in shown]


def _widest(texts: Sequence[str], most: int) -> int:
    return min(max(map(columns, texts), default=0), most)


def _event(told: Told, widths: tuple[int, int, int], now: Now, ink: Ink) -> str:
    style = _KINDS.get(told.kind, "plain")
    looks: tuple[Style, Style, Style] = ("plain", "plain", "cyan" if style == "plain" else style)
    parts = zip(looks, (told.device, told.camera, told.kind), widths, strict=True)
    cells: list[Cell] = [("dim", f"{_local(told.at_ms, now.zone):%H:%M:%S}")]
    cells += [(look, fit(text, width)) for look, text, width in parts if width]
    return _joined([*cells, (style, _words(told))], now.columns, ink)


def _words(told: Told) -> str:
    return f"{told.words}  (late)" if told.late else told.words


def plain(told: Told, zone: tzinfo | None = None) -> str:
    """Return one line for a pipe, or for who wants no screen."""
    at = f"{_local(told.at_ms, zone):%Y-%m-%d %H:%M:%S}"
    return "  ".join(filter(None, (at, told.device, told.camera, told.kind, _words(told))))


def _local(unix_ms: int, zone: tzinfo | None) -> datetime:
    # A stranger's time may be any number; the year 9999 is the last that can be written.
    seconds = min(unix_ms / 1000, 253_402_000_000)
    return datetime.fromtimestamp(seconds, UTC).astimezone(zone)


def _ago(seconds: float) -> str:
    for unit_s, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= unit_s:
            return f"{seconds // unit_s:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
