"""Which events are lost? Told from boot, seq, low and gap alone; one JSON message a line.

mosquitto_sub -q 1 -t 'edge/v1/+/+/evt/#' -t 'edge/v1/+/+/vec/#' -t 'edge/v1/+/+/sys' | complete.py
"""

import json
import sys
from collections import defaultdict
from typing import Any

Boot = tuple[str, str]  # a device, and one of its starts; seq counts from 0 in each


class Consumer:
    """Hears events of any device in any order, as often as they come."""

    def __init__(self) -> None:
        self._known: defaultdict[Boot, set[int]] = defaultdict(set)
        self._low: defaultdict[Boot, int] = defaultdict(int)

    def hear(self, message: dict[str, Any]) -> None:
        """Take one event."""
        boot = message["dev"], message["boot"]
        self._known[boot].add(message["seq"])
        self._low[boot] = max(self._low[boot], message["low"])
        if message["k"] == "gap":  # dropped on purpose, and said so
            of = message["dev"], message.get("of", message["boot"])
            self._known[of].update(range(message["from"], message["to"] + 1))

    def lost(self) -> dict[Boot, list[int]]:
        """Return what will not come again (it is below `low`) and was never heard of here."""
        missing = {b: sorted(set(range(low)) - self._known[b]) for b, low in self._low.items()}
        return {boot: seqs for boot, seqs in missing.items() if seqs}


if __name__ == "__main__":
    consumer = Consumer()
    for line in sys.stdin:
        consumer.hear(json.loads(line))
    print(consumer.lost() or "nothing is lost")
