"""The witness of `scripts/bench link` must be right about what it saw."""

import json

import pytest

from scripts.benches.fire import account, packets
from scripts.benches.fire.packets import V5, Cutter, Publish
from scripts.benches.fire.proxy import Sent

PUBLISH_V5 = b"\x32\x0c\x00\x03a/b\x01\x02\x00body"
PUBACK_REFUSED = b"\x40\x03\x01\x02\x87"
PUBACK_SHORT = b"\x40\x02\x01\x02"
LONG = b"\x30\xc8\x01\x00\x01a" + b"x" * 197


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
def test_a_stream_is_cut_into_packets_wherever_it_is_torn(step: int) -> None:
    stream = PUBLISH_V5 + LONG + PUBACK_REFUSED + PUBACK_SHORT
    cutter = Cutter()
    found = [p for at in range(0, len(stream), step) for p in cutter.feed(stream[at : at + step])]
    assert [p.whole for p in found] == [PUBLISH_V5, LONG, PUBACK_REFUSED, PUBACK_SHORT]
    assert packets.publish(found[0], V5) == Publish("a/b", 258, b"body")
    assert packets.publish(found[1], 4) == Publish("a", 0, b"x" * 197)
    assert [packets.puback(p) for p in found[2:]] == [(258, 0x87), (258, 0)]


def sent(seq: int, at_s: float, code: int = 0, **more: object) -> Sent:
    payload = json.dumps({"boot": "1-a", "seq": seq, "k": "motion", **more}).encode()
    return Sent("door", "evt/yard", payload, at_s, code, at_s + 0.1)


def test_what_is_neither_acknowledged_nor_announced_is_missing() -> None:
    row = account.Row("", "")
    stored = {("1-a", seq) for seq in range(10)}
    taken = account.ids(s.payload for s in (sent(seq, 0.0) for seq in (0, 1, 1, 2, 3)))
    gap = json.dumps({"boot": "1-a", "seq": 9, "k": "gap", "from": 4, "to": 6}).encode()
    heard = account.ids(s.payload for s in (sent(seq, 0.0) for seq in (0, 0, 1, 2)))
    account.add_up(row, stored, set(taken), account.gaps([gap]), heard)
    assert (row.stored, row.taken, row.given_up, row.missing) == (10, 4, 3, 3)
    assert (row.broker_lost, row.twice) == (1, 1)


def test_the_time_to_come_back_is_the_worst_and_none_if_it_never_did() -> None:
    there = [sent(0, 1.0), sent(1, 5.0, code=135), sent(2, 8.0)]
    assert account.back_s(there, [0.5, 4.0]) == pytest.approx(4.1)
    assert account.back_s(there, [0.5, 9.0]) is None


def test_the_backlogs_rate_counts_only_seconds_with_live_events() -> None:
    old = [sent(n, n / 100, hist=True) for n in range(50)]
    assert account.hist_per_s(old) == 0
    assert account.hist_per_s([*old, sent(99, 0.6)]) == 50
