"""Which events are lost? Told from boot, seq, low and gap alone; one JSON message a line.

mosquitto_sub -t 'edge/v1/+/+/evt/#' -t 'edge/v1/+/+/vec/#' -t 'edge/v1/+/+/sys' -q 1 | complete.py
"""

import json
import sys
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

Boot = tuple[str, str]
"""A device, and one of its starts; seq counts from 0 in each."""


class Consumer:
    """Hears events of any device in any order, as often as they come."""

    def __init__(self) -> None:
        self._known: defaultdict[Boot, set[int]] = defaultdict(set)
        self._low: defaultdict[Boot, int] = defaultdict(int)

    def hear(self, message: Mapping[str, Any]) -> None:
        """Take one event."""
        boot = message["dev"], message["boot"]
        self._known[boot].add(message["seq"])
        self._low[boot] = max(self._low[boot], message["low"])
        if message["k"] == "gap":  # dropped on purpose, and said so
            of = message["dev"], message.get("of", message["boot"])
            self._known[of].update(range(message["from"], message["to"] + 1))

    def lost(self) -> dict[Boot, list[int]]:
        """Return what the device has delivered, or given up, and nobody here has heard of."""
        missing = {b: sorted(set(range(self._low[b])) - self._known[b]) for b in self._low}
        return {boot: seqs for boot, seqs in missing.items() if seqs}


if __name__ == "__main__":
    consumer = Consumer()
    for line in sys.stdin:
        consumer.hear(json.loads(line))
    for (device, boot), seqs in consumer.lost().items():
        print(f"{device} {boot}: {len(seqs)} lost: {seqs}")
