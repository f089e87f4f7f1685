"""scripts/bench counts: three lines and a zone on vtest.avi, counted through the whole agent.

Beside it the same counted from the reference's boxes, joined into persons by `vtest.chains` and
put through the same `Tally`: what is compared is whom the agent sees and follows, not where an
edge lies. The reference loses persons behind others, too: its chains break there, and a person
who crosses meanwhile is in the agent's count alone.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from edgeagent.agent import Agent
from edgeagent.clock import ManualClock
from edgeagent.config import CameraConfig, Config, EventsConfig, LineConfig, ZoneConfig
from edgeagent.engines import open_engine
from edgeagent.event import Event
from edgeagent.findings import Detection, Phase
from edgeagent.looker import Engines
from edgeagent.model import bundles_folder, find_bundle
from edgeagent.sources import open_source
from edgeagent.tally import Tally
from scripts.benches.vtest import FRAMES_PER_S, Chain, Row, chains, footage_folder, reference

FRAMES = 795
LINES = [
    LineConfig(name="left", start=(0.2, 0.7), end=(0.2, 0.1), labels=["person"]),
    LineConfig(name="near", start=(0.0, 0.6), end=(1.0, 0.6), labels=["person"]),
    LineConfig(name="right", start=(0.85, 0.9), end=(0.85, 0.2), labels=["person"]),
]
"""Where people really cross: singly on the left, some behind each other near the camera, and in
groups on the right."""
ZONES = [
    ZoneConfig(
        name="path",
        polygon=[(0.0, 0.3), (0.35, 0.3), (0.35, 0.6), (0.0, 0.6)],
        labels=["person"],
    )
]
MATCH_S = 2.0
"""A count is confirmed when the other side has the same place and way so soon before or after."""
BAR = 0.80
"""Least share of the reference's counts that the agent's confirm."""

Count = tuple[str, str, float]
"""Place, way, and second of the clip."""


def said(footage: Path) -> tuple[list[Count], Counter[tuple[str, str]]]:
    """Return what the agent told one by one, and what its count events come to."""
    engines = Engines(open_engine(find_bundle("coco16-320", [bundles_folder()])))
    address = str(footage / "vtest.avi")
    camera = CameraConfig(name="vtest", address=address, zone=ZONES, line=LINES)
    clock, events = ManualClock(mono_s=0.0), list[Event]()
    agent = Agent(camera, Config(), engines, clock)
    agent.run(open_source(camera, clock, pace=False), events.append)
    told = [
        (event.line or event.zone, way, event.when.mono_ms / 1000)
        for event in events
        if event.kind in ("cross", "zone")
        for _, way in event.tracks
    ]
    return [c for c in told if c[0] != "path" or c[1] == "in"], _summed(events)


def _summed(events: list[Event]) -> Counter[tuple[str, str]]:
    sums: Counter[tuple[str, str]] = Counter()
    for part in (event.tally for event in events if event.tally):
        for line, labels in part.lines.items():
            sums[line, "in"] += labels["person"][0]
            sums[line, "out"] += labels["person"][1]
        for zone, numbers in part.zones.items():
            sums[zone, "in"] += numbers["person"]
    return sums


def referred(footage: Path) -> list[Count]:
    """Return what the reference's persons come to."""
    tally, told = Tally(ZONES, LINES, EventsConfig()), list[Count]()
    persons = chains(reference(footage / "PETS09_det_frcnn.txt", 768, 576), FRAMES - 1)
    seen = [_filled(chain) for chain in persons]
    for frame in range(FRAMES):
        at_s = frame / FRAMES_PER_S
        tally.update([(n, chain[frame]) for n, chain in enumerate(seen) if frame in chain], at_s)
        news = tally.say(at_s)
        told += [(c.line, str(c.direction), at_s) for c in news.crossings]
        told += [(v.zone, "in", at_s) for v in news.visits if v.phase is Phase.IN]
    return told


def _filled(chain: Chain) -> dict[int, Detection]:
    """Return what is known in each frame, those without a box included."""
    boxes, known, things = dict(chain), chain[0][1], {}
    for frame in range(chain[0][0], chain[-1][0] + 1):
        known = boxes.get(frame, known)
        things[frame] = Detection("person", 1.0, known)
    return things


def confirmed(counts: list[Count], others: list[Count]) -> int:
    """Return how many of ``counts`` have one of ``others`` near, each of those once."""
    free = list(others)
    matched = 0
    for place, way, at_s in counts:
        near = [o for o in free if o[:2] == (place, way) and abs(o[2] - at_s) <= MATCH_S]
        if near:
            free.remove(min(near, key=lambda o: abs(o[2] - at_s)))
            matched += 1
    return matched


def rows(footage: Path) -> list[Row]:
    """Return one row for each place and way, and one for all together."""
    (ours, sums), theirs = said(footage), referred(footage)
    table: list[Row] = []
    for place, way in sorted({count[:2] for count in [*ours, *theirs]}):
        here = [c for c in ours if c[:2] == (place, way)]
        there = [c for c in theirs if c[:2] == (place, way)]
        table.append(
            {
                "place": place,
                "way": way,
                "agent": len(here),
                "counted": sums[place, way],
                "reference": len(there),
                "both": confirmed(there, here),
            }
        )
    both = sum(int(row["both"]) for row in table)
    total: Row = {
        "agent_confirmed": round(both / len(ours), 3),
        "reference_confirmed": round(both / len(theirs), 3),
        "bar": BAR,
    }
    return [*table, total]


def main() -> int:
    """Print the counts side by side; status 1 below the bar."""
    parser = argparse.ArgumentParser(description="Counting on vtest.avi, beside a reference.")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    args = parser.parse_args()
    table = rows(footage_folder())
    for row in table:
        print(json.dumps(row) if args.json else "  ".join(f"{k} {v!s:<6}" for k, v in row.items()))
    return int(float(table[-1]["reference_confirmed"]) < BAR)


if __name__ == "__main__":
    sys.exit(main())
