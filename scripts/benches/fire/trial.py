"""One fault tried on device and peer: trial.py FAULT --hold S --rounds N; prints rows as JSON.

The process must be in a network namespace of its own, where the broker will be.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from docs.complete import Consumer
from edgeagent.mqtt.backoff import SOUND_S
from scripts.benches.fire import account
from scripts.benches.fire.account import Row
from scripts.benches.fire.bed import BACKLOG_PER_S, OLD_BOOT, WINDOW, Bed
from scripts.benches.fire.broker import until
from scripts.benches.fire.faults import FAULTS, Fault

BACK_S = 60.0
"""How long device and peer are given to come back."""
LIVE_S = 3.0
"""Live events go first: none may have waited longer on the device when the way was free."""
PREFIX = "edge/v1/home/pi/"
EVENTS = ("/evt/", "/vec/", "/sys")


def attempt(fault: Fault, folder: Path, hold_s: float, rounds: int, old: int) -> list[Row]:
    """Let ``fault`` happen ``rounds`` times, with a sound while between; return what came of it."""
    settings = fault.settings.format(folder=folder / "broker")
    bed = Bed(folder, settings, os.geteuid() == 0, old)
    try:
        fault.before(bed)
        bed.begin()
        until(lambda: len(bed.said("stat")) > 2, 20)
        free_s = [_once(fault, bed, max(hold_s, fault.hold_s))]
        for _ in range(rounds - 1):
            time.sleep(SOUND_S + 5.0)
            free_s.append(_once(fault, bed, max(hold_s, fault.hold_s)))
        bed.wait_empty(BACK_S)
        statuses = bed.agent.end(), bed.peer.end()
        time.sleep(1.0)
        return [_ours(fault, bed, free_s, statuses[0]), _peers(fault, bed, free_s)]
    finally:
        bed.close()


def _once(fault: Fault, bed: Bed, hold_s: float) -> float:
    """Let it happen, and wait until both are back or time is up; return when the way was free."""
    began_s = time.monotonic()
    fault.begin(bed)
    time.sleep(hold_s)
    fault.end(bed)
    free_s = began_s if fault.is_its_own_end else time.monotonic()

    def are_back() -> bool:
        late = [s for s in list(bed.proxy.sent) if s.sent_s > free_s and s.taken]
        return {bool("peer/" in s.topic) for s in late if not _is_word(s.topic)} == {True, False}

    until(are_back, BACK_S)
    return free_s


def _is_word(topic: str) -> bool:
    return topic.endswith(("/status", "/info"))


def _ours(fault: Fault, bed: Bed, free_s: list[float], status: int) -> Row:
    row = Row(fault.title, "edgeagent")
    sent = [s for s in bed.proxy.sent if s.topic.startswith(PREFIX) and not _is_word(s.topic)]
    heard = account.payloads(bed.ear.heard, PREFIX, EVENTS)
    taken = [s.payload for s in sent if s.taken]
    told = [json.loads(payload) for payload in heard]
    stored, depth = account.stored(bed, told, {OLD_BOOT: bed.old - 1})
    named = account.gaps(taken)
    account.add_up(row, stored, set(account.ids(taken)), named, account.ids(heard))
    row.back_s = account.back_s(sent, free_s)
    row.hist = sum("hist" in json.loads(payload) for payload in heard)
    row.hist_per_s = account.hist_per_s(sent)
    row.live_s = account.live_s(sent, free_s)
    ours = {s.client for s in sent}
    row.flying = max((v.most_flying for v in bed.proxy.visits if v.client in ours), default=0)
    said = [word["s"] for word in bed.said("status")]
    row.births, row.wills = said.count("online"), said.count("offline")
    row.late = _late(fault, row)
    row.faults = [*_judged(fault, row), *_judged_by_a_stranger(heard, row)]
    row.faults += ["no birth at the end, or no farewell"] * (said[-2:] != ["online", "stopped"])
    row.faults += [f"{depth} left in the outbox"] * (depth > 0)
    row.faults += [f"the agent ended with status {status}"] * (status != 0)
    return row


def _judged(fault: Fault, row: Row) -> list[str]:
    bars = {
        f"{row.missing} neither acknowledged nor announced": row.missing == 0,
        f"{row.given_up} given up": row.given_up == 0 or fault.is_refusing,
        "nothing was refused": row.given_up > 0 or not fault.is_refusing,
        "did not come back": row.back_s is not None,
        f"{row.flying} on their way": row.flying <= _window(fault) + 2,
        "no will": row.wills > 0 or not fault.has_will,
    }
    return [what for what, is_met in bars.items() if not is_met]


def _late(fault: Fault, row: Row) -> list[str]:
    bars = {
        f"{row.hist_per_s} of the backlog in a second": row.hist_per_s <= BACKLOG_PER_S + WINDOW,
        f"live waited {row.live_s:.1f} s": fault.is_slow or row.live_s <= LIVE_S,
    }
    return [what for what, is_met in bars.items() if not is_met]


def _window(fault: Fault) -> int:
    return 1 if "max_inflight_messages 1\n" in fault.settings else WINDOW


def _judged_by_a_stranger(heard: list[bytes], row: Row) -> list[str]:
    """Hold the consumer of the documentation to what the witness knows."""
    consumer = Consumer()
    for payload in heard:
        consumer.hear(json.loads(payload))
    found = sum(len(lost) for lost in consumer.lost().values())
    if found == row.broker_lost:
        return []
    return [f"a consumer misses {found} where {row.broker_lost} are lost"]


def _peers(fault: Fault, bed: Bed, free_s: list[float]) -> Row:
    row = Row(fault.title, "paho's queue")
    sent = [s for s in bed.proxy.sent if s.topic.startswith("peer/")]
    count = int((bed.folder / "count").read_text())
    heard = account.numbers(account.payloads(bed.ear.heard, "peer/"))
    taken = set(account.numbers(s.payload for s in sent if s.taken))
    account.add_up(row, {("", n) for n in range(count)}, taken, set(), heard)
    row.back_s = account.back_s(sent, free_s)
    clients = {s.client for s in sent}
    row.flying = max((v.most_flying for v in bed.proxy.visits if v.client in clients), default=0)
    return row


def main() -> None:
    """Try one fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("fault", choices=FAULTS)
    parser.add_argument("--hold", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--old", type=int, default=200, help="events an earlier boot has left")
    parser.add_argument("--keep", type=Path, help="leave logs here")
    options = parser.parse_args()
    subprocess.run(["ip", "link", "set", "lo", "up"], check=False)
    with tempfile.TemporaryDirectory(prefix="link-") as made:
        folder = options.keep or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        fault = FAULTS[options.fault]
        rows = attempt(fault, folder, options.hold, options.rounds, options.old)
    print(json.dumps([asdict(row) for row in rows]))


if __name__ == "__main__":
    main()
