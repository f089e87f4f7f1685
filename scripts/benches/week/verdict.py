"""What the week came to: the table, and which bars were missed."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from docs.complete import Consumer
from scripts.benches.fire import account
from scripts.benches.fire.account import Id
from scripts.benches.fire.broker import Heard
from scripts.benches.week import ledger, pulse
from scripts.benches.week.deeds import DOINGS
from scripts.benches.week.home import Home
from scripts.benches.week.ledger import Books
from scripts.benches.week.plan import EVENING_SHARE, Day
from scripts.benches.week.pulse import Life
from scripts.benches.week.week import KILLS, Facts

PREFIX = "edge/v1/home/pi/"
EVENTS = ("/evt/", "/vec/", "/sys")
PEER = "peer/"
SLACK = 1
"""A gap to be announced counts as waiting, and has no seq yet."""


@dataclass
class Verdict:
    """Both accounts, and what is wrong."""

    week: list[Day]
    facts: Facts
    ours: list[ledger.Day]
    peers: list[ledger.Day]
    life: Life | None
    faults: list[str]

    def table(self) -> str:
        """Return it for a person."""
        head = f"{'':<4}{'made':>6}{'live':>6}{'hist':>6}{'gap':>6}{'broker':>7}{'twice':>6}"
        head += f"{'UNACC.':>7}{'longest':>8}{'MB':>6}{'thr':>4}{'fds':>4}{'outbox kB':>10}"
        head += f"{'disk MB':>8} |{'paho:':>6}{'lost':>6}{'twice':>6}{'longest':>8}  what happened"
        lines = [head, *(self._line(at) for at in range(len(self.week))), self._sums()]
        if self.life:
            lines.append(
                f"longest life {self.life.minutes:.1f} min: mean {self.life.mean_kb / 1024:.1f} MB,"
                f" trend {self.life.trend_kb:+.0f} kB over it, last quarter"
                f" {self.life.growth:+.2%} of the third"
            )
        lines += [f"MISSED: {why}" for why in self.faults]
        return "\n".join([*lines, "nothing is unaccounted for" if not self.faults else "FAILED"])

    def _line(self, at: int) -> str:
        seen = self.facts.evenings[at]
        size = f"{seen.anonymous_kb / 1024:>6.1f}{seen.threads:>4}{seen.files:>4}" if seen else ""
        disk = self.facts.used_bytes[at] / 1024, self.facts.written_bytes[at] / 2**20
        what = ", ".join(f"{d.name} {d.hold_s:.0f} s" for d in self.week[at].deeds)
        return (
            f"{self.week[at].name:<4}{_counts(self.ours[at])}{size:<14}{disk[0]:>10.0f}"
            f"{disk[1]:>8.2f} |{_peer_counts(self.peers[at])}  {what}"
        )

    def _sums(self) -> str:
        gaps = ", ".join(f"{n} {why}" for why, n in self.gaps().items()) or "none"
        ours, peers = ledger.summed(self.ours), ledger.summed(self.peers)
        return f"{'all':<4}{_counts(ours)}{'':<32} |{_peer_counts(peers)}  gaps: {gaps}"

    def gaps(self) -> Counter[str]:
        """Return what was given up, by cause."""
        return ledger.summed(self.ours).gaps

    def as_json(self) -> dict[str, Any]:
        """Return it for a program."""
        return {
            "days": [
                {
                    "name": day.name,
                    "deeds": [deed._asdict() for deed in day.deeds],
                    "edgeagent": asdict(self.ours[at]),
                    "peer": asdict(self.peers[at]),
                    "evening": _fields(self.facts.evenings[at]),
                    "outbox_bytes": self.facts.used_bytes[at],
                    "written_bytes": self.facts.written_bytes[at],
                }
                for at, day in enumerate(self.week)
            ],
            "life": _fields(self.life),
            "faults": self.faults,
        }


def _fields(told: pulse.Pulse | Life | None) -> dict[str, Any] | None:
    return told._asdict() if told else None


def _counts(day: ledger.Day) -> str:
    given_up = sum(day.gaps.values())
    return (
        f"{day.made:>6}{day.live:>6}{day.hist:>6}{given_up:>6}{day.broker_lost:>7}"
        f"{day.twice:>6}{day.unaccounted:>7}{day.longest_s:>8.1f}"
    )


def _peer_counts(day: ledger.Day) -> str:
    lost = day.unaccounted + day.broker_lost
    return f"{day.made:>6}{lost:>6}{day.twice:>6}{day.longest_s:>8.1f}"


def told_plan(week: Iterable[Day]) -> list[str]:
    """Return what will happen, a line a day."""
    return [
        f"{day.name}: " + ", ".join(f"{d.name} {d.hold_s:.0f} s" for d in day.deeds) for day in week
    ]


def judge(home: Home, week: list[Day], facts: Facts) -> Verdict:
    """Add up what the witnesses saw, and hold it to the bars."""
    heard = [
        h
        for h in home.ear.heard
        if h.topic.startswith(PREFIX) and any(kind in h.topic for kind in EVENTS)
    ]
    told = [json.loads(h.payload) for h in heard]
    ours, left = _our_books(home, heard, told, facts)
    peers = _peers_books(home, facts)
    life = pulse.longest_life(facts.pulses)
    days = ours.days(facts.ends_s)
    faults = [
        *_account_faults(ours, days, told),
        *_keeping_faults(ours, facts, week),
        *_unfelt(week, told),
        *_silent(home, week, facts, ours),
        *_life_faults(facts, left),
        *pulse.faults(facts.evenings, life),
    ]
    return Verdict(week, facts, days, peers.days(facts.ends_s), life, faults)


def _our_books(
    home: Home, heard: list[Heard], told: list[ledger.Fields], facts: Facts
) -> tuple[Books, int]:
    sent = [s for s in home.proxy.sent if s.topic.startswith(PREFIX)]
    sent = [s for s in sent if any(kind in s.topic for kind in EVENTS)]
    taken = ledger.taken(sent)
    stored, left = account.stored(home, told, {})
    books = Books(
        stored | set(taken),
        ledger.copies(heard, facts.wall_minus_mono_s),
        taken,
        ledger.gaps(sent),
    )
    return books, left


def _peers_books(home: Home, facts: Facts) -> Books:
    heard = [h for h in home.ear.heard if h.topic.startswith(PEER)]
    sent = [s for s in home.proxy.sent if s.topic.startswith(PEER)]
    count = int((home.folder / "count").read_text())
    stored: set[Id] = {("", number) for number in range(count)}
    copies = ledger.copies(heard, facts.wall_minus_mono_s)
    return Books(stored, copies, ledger.taken(sent), {})


def _account_faults(
    books: Books, days: Sequence[ledger.Day], told: list[ledger.Fields]
) -> list[str]:
    total = ledger.summed(days)
    consumer = Consumer()
    for fields in told:
        consumer.hear(fields)
    found = sum(len(lost) for lost in consumer.lost().values())
    bars = {
        f"{total.unaccounted} events are unaccounted for": total.unaccounted == 0,
        "an event stands in two columns": all(day.is_balanced for day in days),
        f"{books.unlike()} copies are unlike the first": books.unlike() == 0,
        f"a consumer misses {found} where {total.broker_lost} are lost": found == total.broker_lost,
    }
    return [what for what, is_met in bars.items() if not is_met]


def _keeping_faults(books: Books, facts: Facts, week: Iterable[Day]) -> list[str]:
    """Return where more waited when the agent was killed than was accounted for afterwards."""
    kills = sum(deed.name.startswith(KILLS) for day in week for deed in day.deeds)
    unasked = kills - len(facts.kept)
    found = [f"before {unasked} kills the agent did not answer"] * (unasked > 0)
    for at_s, pending in facts.kept:
        came = books.waiting(at_s)
        if came < pending - SLACK:
            found.append(f"{pending} waited at a kill, {came} of them are known afterwards")
    return found


def _unfelt(week: Iterable[Day], told: Iterable[ledger.Fields]) -> list[str]:
    """Return which faults left no trace in what was heard, so that they proved nothing."""
    heard = {fields["k"] for fields in told}
    heard |= {f"start {f['prev'][2]}" for f in told if f["k"] == "start"}
    names = {deed.name for day in week for deed in day.deeds}
    return [
        f"{name}: nothing was heard of {kind}"
        for name in sorted(names)
        for kind in DOINGS[name].leaves
        if kind not in heard
    ]


def _silent(home: Home, week: Sequence[Day], facts: Facts, books: Books) -> list[str]:
    """Return which cameras said nothing any more when the week ended."""
    cameras = home.said("info")[-1]["cameras"]
    since_s = facts.ends_s[-1] - EVENING_SHARE * (week[-1].end_s - week[-1].begin_s)
    late = (json.loads(copy.content) for copy in books.copies if copy.made_s > since_s)
    speaking = {fields.get("cam") for fields in late}
    return [f"{name} says nothing any more" for name in cameras if name not in speaking]


def _life_faults(facts: Facts, left: int) -> list[str]:
    bars = {
        f"the agent ended by itself: {facts.statuses}": not facts.statuses,
        f"the agent ended with status {facts.status}": facts.status == 0,
        f"{left} left in the outbox": facts.is_empty and left == 0,
    }
    return [what for what, is_met in bars.items() if not is_met]
