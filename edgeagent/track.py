"""Findings over time: what came, what is still there, what went. A parked car is said once."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from edgeagent.config import EventsConfig
from edgeagent.findings import WHOLE, Box, Detection, Finding, Label, Phase, Sighting

KEEP = 0.6
"""A score of this share of the threshold keeps a track alive, but cannot begin one.

The idea of using weak boxes for association only: Zhang et al., ByteTrack, ECCV 2022.
"""
MIN_IOU = 0.25
"""Boxes that share less than this (intersection over union) may still be near, see REACH."""
REACH = 0.75
"""How far a centre may move between two looks, in diagonals of its box."""
TWIN_IOU = 0.7
"""Two boxes that share so much are one thing, though the model gave it two names."""
RECHECK_S = 0.5
"""A thing looked for in vain is looked for again after so long, until it is found or gone."""
MAX_TRACKS = 64

Thing = Detection | Label


@dataclass(slots=True)
class _Track:
    """One thing, as far as it is known."""

    finding: Thing
    first_s: float
    seen_s: float
    looked_s: float
    hits: int = 1
    """Looks that saw it with a score of the threshold or more."""
    number: int = 0
    """0 until it was seen often enough to be said."""
    said: Phase | None = None
    said_s: float = 0.0
    best: float = 0.0
    gone: bool = False
    velocity: tuple[float, float] = (0.0, 0.0)
    """Of the centre, frame fractions a second."""
    votes: Counter[str] = field(default_factory=Counter)

    @property
    def box(self) -> Box:
        """Where it was seen last; a label is everywhere."""
        return self.finding.box if isinstance(self.finding, Detection) else WHOLE

    def expected(self, at_s: float) -> Box:
        """Where it should be by now, going on as it went; no further than one second's way."""
        ahead_s = min(at_s - self.seen_s, 1.0)
        dx, dy = self.velocity[0] * ahead_s, self.velocity[1] * ahead_s
        box = self.box
        return Box(box.left + dx, box.top + dy, box.right + dx, box.bottom + dy)

    def where_to_look(self, at_s: float) -> Box:
        """Where it should be; where it was, if it should have left the frame by now."""
        expected = self.expected(at_s)
        return expected if expected.overlap(WHOLE) else self.box

    def missed(self) -> bool:
        """Whether the last look at its place did not find it."""
        return self.looked_s > self.seen_s


class Tracker:
    """Follows things from look to look. One thread's own.

    `update` takes in one look; `questions` says where a look is wanted although nothing moves;
    `say` returns what has not been said yet, so that a caller who may not speak now loses nothing.
    """

    def __init__(self, config: EventsConfig) -> None:
        self.config = config
        self._tracks: list[_Track] = []
        self._numbered = 0
        self._verify = False

    @property
    def keep_threshold(self) -> float:
        """The lowest score worth decoding."""
        return self.config.threshold * KEEP

    def counts(self) -> dict[str, int]:
        """Return how many of each label are in view now."""
        return dict(Counter(thing.name for _, thing in self.in_view()))

    def in_view(self) -> list[tuple[int, Thing]]:
        """Return number and last finding of everything that is there now."""
        return [(t.number, t.finding) for t in self._tracks if t.number and not t.gone]

    def update(self, findings: Sequence[Finding], at_s: float, looked: Sequence[Box]) -> None:
        """Take in what one look found.

        Args:
            findings: what the model said, boxes as frame fractions.
            at_s: when the frame was taken, monotonic seconds.
            looked: the parts of the frame that were looked at.
        """
        for track in self._tracks:
            if any(_covers(region, track.expected(at_s)) for region in looked):
                track.looked_s = at_s
        things = [f for f in findings if isinstance(f, Detection | Label) and self._wanted(f)]
        taken = self._match(things, at_s)
        self._begin([t for n, t in enumerate(things) if n not in taken], at_s)
        self._age(at_s)

    def sure(self, findings: Sequence[Finding]) -> list[Thing]:
        """Return those of one look's findings that count by themselves, best first."""
        things = [f for f in findings if isinstance(f, Detection | Label) and self._wanted(f)]
        sure = [thing for thing in things if thing.score >= self.config.threshold]
        return sorted(sure, key=lambda thing: -thing.score)

    def _wanted(self, thing: Thing) -> bool:
        return not self.config.labels or thing.name in self.config.labels

    def _match(self, things: Sequence[Thing], at_s: float) -> set[int]:
        """Give each track its best thing, best pairs first; return the things taken."""
        pairs = []
        for track in self._tracks:
            expected = track.expected(at_s)
            for n, thing in enumerate(things):
                affinity = _affinity(track.finding, expected, thing)
                if affinity > 0.0:
                    pairs.append((affinity, n, track))
        taken: set[int] = set()
        for _, n, track in sorted(pairs, key=lambda pair: -pair[0]):
            if n not in taken and track.seen_s < at_s:
                self._see(track, things[n], at_s)
                taken.add(n)
        return taken

    def _see(self, track: _Track, thing: Thing, at_s: float) -> None:
        track.velocity = _velocity(track, thing, at_s)
        track.votes[thing.name] += 1
        name = track.votes.most_common(1)[0][0]
        track.finding = (
            Detection(name, thing.score, thing.box)
            if isinstance(thing, Detection)
            else Label(name, thing.score)
        )
        track.hits += thing.score >= self.config.threshold
        track.best = max(track.best, thing.score)
        track.seen_s = track.looked_s = at_s
        track.gone = False
        self._number(track)

    def _number(self, track: _Track) -> None:
        if not track.number and track.hits >= self.config.min_hits:
            self._numbered += 1
            track.number = self._numbered

    def _begin(self, things: Sequence[Thing], at_s: float) -> None:
        for thing in things:
            if thing.score < self.config.threshold:
                continue
            if len(self._tracks) >= MAX_TRACKS or self._is_twin(thing, at_s):
                continue
            track = _Track(thing, at_s, at_s, at_s, best=thing.score)
            track.votes[thing.name] += 1
            self._number(track)
            self._tracks.append(track)

    def _is_twin(self, thing: Thing, at_s: float) -> bool:
        """Whether another name was already given to the same place in this look."""
        if not isinstance(thing, Detection):
            return False
        seen_now = (t for t in self._tracks if t.seen_s == at_s)
        return any(t.box.iou(thing.box) > TWIN_IOU for t in seen_now)

    def _age(self, at_s: float) -> None:
        for track in self._tracks:
            track.gone = track.missed() and at_s - track.seen_s >= self.config.gone_s
        self._tracks = [t for t in self._tracks if not (t.gone and t.said is None)]

    def went_still(self) -> None:
        """Say that motion ended: whatever was seen moving is looked for once more."""
        self._verify = bool(self._tracks)

    def open_questions(self, at_s: float) -> bool:
        """Return whether `questions` has any, without asking them."""
        return any(self._in_doubt(t, at_s) for t in self._tracks)

    def questions(self, at_s: float) -> list[Box]:
        """Return where a look is wanted: things missed, or not confirmed for a heartbeat."""
        asked = [t.where_to_look(at_s) for t in self._tracks if self._in_doubt(t, at_s)]
        self._verify = False
        return asked

    def _in_doubt(self, track: _Track, at_s: float) -> bool:
        if track.gone:
            return False
        if track.missed():
            return at_s - track.looked_s >= RECHECK_S
        return self._verify or at_s - track.seen_s >= self.config.heartbeat_s

    def has_news(self) -> bool:
        """Return whether `say` has something to say."""
        return any(self._phase(t) is not None for t in self._tracks)

    def say(self, at_s: float) -> list[Sighting]:
        """Return all that came, stayed for a heartbeat, or went, and was not said yet."""
        said = []
        for track in self._tracks:
            if (phase := self._phase(track)) is not None:
                said.append(self._sighting(track, phase))
                track.said, track.said_s = phase, at_s
        self._tracks = [t for t in self._tracks if t.said is not Phase.OUT]
        return said

    def _phase(self, track: _Track) -> Phase | None:
        if not track.number:
            return None
        if track.gone:
            return Phase.OUT
        if track.said is None:
            return Phase.IN
        confirmed_s = track.seen_s - track.said_s
        return Phase.ON if confirmed_s >= self.config.heartbeat_s else None

    def _sighting(self, track: _Track, phase: Phase) -> Sighting:
        hard = track.best < self.config.threshold + self.config.hard_band
        lasted_s = track.seen_s - track.first_s
        best = replace(track.finding, score=track.best)
        return Sighting(phase, track.number, best, lasted_s, hard)


def _affinity(last: Thing, expected: Box, thing: Thing) -> float:
    """Return how well ``thing`` goes on from a track; 0 or less: not at all."""
    same = thing.name == last.name
    if isinstance(thing, Label) or isinstance(last, Label):
        return float(same)
    iou = expected.iou(thing.box)
    if not same:
        return iou - TWIN_IOU
    return 1.0 + iou if iou >= MIN_IOU else 1.0 - _distance(expected, thing.box) / REACH


def _distance(a: Box, b: Box) -> float:
    """Return how far the centres are apart, in diagonals of the larger box."""
    (ax, ay), (bx, by) = a.centre, b.centre
    across = max(a.width**2 + a.height**2, b.width**2 + b.height**2)
    return float((((ax - bx) ** 2 + (ay - by) ** 2) / max(across, 1e-12)) ** 0.5)


def _covers(region: Box, box: Box) -> bool:
    """Return whether most of ``box``, as far as it is in the frame, lies in ``region``."""
    visible = box.overlap(WHOLE)
    return region.overlap(box) >= 0.5 * visible


def _velocity(track: _Track, thing: Thing, at_s: float) -> tuple[float, float]:
    """Return the track's velocity, half of it new."""
    passed_s = at_s - track.seen_s
    if not isinstance(thing, Detection) or passed_s <= 0.0:
        return track.velocity
    (ax, ay), (bx, by) = track.box.centre, thing.box.centre
    vx, vy = track.velocity
    return (vx + (bx - ax) / passed_s) / 2, (vy + (by - ay) / passed_s) / 2
