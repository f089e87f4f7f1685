"""Who came, who crossed a line and which way, who stayed how long: counted from numbered tracks.

What may not be said yet is kept; what was said is forgotten. No count is lost by waiting.
"""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from edgeagent.config import EventsConfig, LineConfig, ZoneConfig
from edgeagent.findings import Counts, Crossing, Detection, Label, Phase, Told, Visit
from edgeagent.polygon import Point, meet, side
from edgeagent.zones import foot, holds

LEFT_S = 1.0
"""A thing has left a zone when it was seen outside for so long, or is gone: an edge is no door."""
CLEAR = 0.1
"""A thing is over a line when its foot is this share of its height beyond: boxes tremble."""
MOST_NEWS = 1000
"""More crossings and visits than that wait for nobody: the oldest are then only counted."""

Numbers = dict[str, Counter[str]]
"""Place to label to how many."""


@dataclass(slots=True)
class _Known:
    """One track, as far as lines and zones are concerned."""

    thing: Detection | Label
    """The very finding that was taken in last: while a track is not seen anew, it stays."""
    since_s: dict[str, float] = field(default_factory=dict)
    """Zone it is in to when it came."""
    inside_s: dict[str, float] = field(default_factory=dict)
    """Zone it is in to when it was last seen there."""
    been: set[str] = field(default_factory=set)
    """Zones it was counted in."""
    clear: dict[str, Point] = field(default_factory=dict)
    """Line to where it was when it last was clear of it."""
    went: dict[str, Phase] = field(default_factory=dict)
    """Line to the direction in which it crossed last."""


@dataclass(slots=True)
class _Sums:
    """What was counted and not said."""

    view: Counter[str] = field(default_factory=Counter)
    zones: Numbers = field(default_factory=dict)
    ways: dict[Phase, Numbers] = field(default_factory=lambda: {Phase.IN: {}, Phase.OUT: {}})
    since_s: float | None = None
    """Start of the period in which the first of it was counted; None: nothing was."""


class Tally:
    """Counts for one camera. `update` after each look, `say` when something may be said."""

    def __init__(
        self, zones: Sequence[ZoneConfig], lines: Sequence[LineConfig], config: EventsConfig
    ) -> None:
        self._known: dict[int, _Known] = {}
        self._news: deque[Crossing | Visit] = deque(maxlen=MOST_NEWS)
        self._sums = _Sums()
        self.retune(zones, lines, config)

    def retune(
        self, zones: Sequence[ZoneConfig], lines: Sequence[LineConfig], config: EventsConfig
    ) -> None:
        """Take over changed settings; who is in a zone that is no more has left it unsaid."""
        self._zones = [zone for zone in zones if zone.kind == "count"]
        self._lines = lines
        self._every_s = config.counts_s
        names = {zone.name for zone in self._zones}
        for known in self._known.values():
            known.clear.clear()
            for gone in known.since_s.keys() - names:
                del known.since_s[gone], known.inside_s[gone]

    def update(self, tracks: Sequence[tuple[int, Detection | Label]], at_s: float) -> None:
        """Take in what is in view after a look: numbers, and findings as they were last seen."""
        for number, thing in tracks:
            known = self._known.get(number)
            if known is None:
                known = self._known[number] = _Known(thing)
                self._count(self._sums.view, thing.name, at_s)
            elif thing is known.thing:
                continue
            known.thing = thing
            if isinstance(thing, Detection):
                self._follow(number, known, thing, at_s)
        for number in self._known.keys() - {number for number, _ in tracks}:
            known = self._known.pop(number)
            for zone in list(known.since_s):
                self._leave(number, known, zone)

    def _count(self, counter: Counter[str], label: str, at_s: float) -> None:
        if self._every_s:
            counter[label] += 1
            if self._sums.since_s is None:
                self._sums.since_s = at_s // self._every_s * self._every_s

    def _follow(self, number: int, known: _Known, thing: Detection, at_s: float) -> None:
        for zone in self._zones:
            if holds(zone, thing):
                self._stay(number, known, zone.name, at_s)
            elif zone.name in known.since_s and at_s - known.inside_s[zone.name] >= LEFT_S:
                self._leave(number, known, zone.name)
        for line in self._lines:
            if not line.labels or thing.name in line.labels:
                self._walk(number, known, line, at_s)

    def _stay(self, number: int, known: _Known, zone: str, at_s: float) -> None:
        assert isinstance(known.thing, Detection)
        known.inside_s[zone] = at_s
        if zone not in known.since_s:
            known.since_s[zone] = at_s
            self._news.append(Visit(zone, Phase.IN, number, known.thing, 0.0))
        if zone not in known.been:
            known.been.add(zone)
            self._count(self._sums.zones.setdefault(zone, Counter()), known.thing.name, at_s)

    def _leave(self, number: int, known: _Known, zone: str) -> None:
        assert isinstance(known.thing, Detection)
        lasted_s = known.inside_s.pop(zone) - known.since_s.pop(zone)
        self._news.append(Visit(zone, Phase.OUT, number, known.thing, lasted_s))

    def _walk(self, number: int, known: _Known, line: LineConfig, at_s: float) -> None:
        """Follow a thing from where it was clear of ``line`` to where it is clear again."""
        assert isinstance(known.thing, Detection)
        here, before = foot(known.thing.box), known.clear.get(line.name)
        if not _is_clear(line, here, known.thing.box.height):
            known.clear.setdefault(line.name, here)
            return
        known.clear[line.name] = here
        if before is None or not _crosses(line, before, here):
            return
        way = Phase.IN if side(line.start, line.end, here) > 0 else Phase.OUT
        if known.went.get(line.name) is not way:
            known.went[line.name] = way
            self._news.append(Crossing(line.name, way, number, known.thing))
            ways = self._sums.ways[way].setdefault(line.name, Counter())
            self._count(ways, known.thing.name, at_s)

    def has_news(self, at_s: float) -> bool:
        """Return whether `say` has something to say at ``at_s`` (monotonic seconds)."""
        return bool(self._news) or self._is_due(at_s)

    def _is_due(self, at_s: float) -> bool:
        since_s = self._sums.since_s
        return since_s is not None and 0.0 < self._every_s <= at_s - since_s

    def say(self, at_s: float, last: bool = False) -> Told:
        """Return what was not said yet; of the counts, only whole periods unless it is the last."""
        crossings = tuple(news for news in self._news if isinstance(news, Crossing))
        visits = tuple(news for news in self._news if isinstance(news, Visit))
        self._news.clear()
        counts = self._counts(at_s, last) if self._is_due(at_s) or last else None
        return Told(crossings, visits, counts)

    def _counts(self, at_s: float, last: bool) -> Counts | None:
        sums, self._sums = self._sums, _Sums()
        if sums.since_s is None or not self._every_s:
            return None
        until_s = at_s if last else at_s // self._every_s * self._every_s
        lasted_s = until_s - sums.since_s
        return Counts(lasted_s, sums.view, sums.zones, sums.ways[Phase.IN], sums.ways[Phase.OUT])


def _crosses(line: LineConfig, before: Point, here: Point) -> bool:
    opposite = side(line.start, line.end, before) * side(line.start, line.end, here) < 0
    return opposite and meet(before, here, line.start, line.end)


def _is_clear(line: LineConfig, foot_at: Point, height: float) -> bool:
    """Return whether a foot is far enough from the line, drawn out beyond its ends."""
    (ax, ay), (bx, by) = line.start, line.end
    length = float(((bx - ax) ** 2 + (by - ay) ** 2) ** 0.5)
    return abs(side(line.start, line.end, foot_at)) > CLEAR * height * length
