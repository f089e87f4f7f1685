"""What the consumer heard, and whether anything is missing: by identity, as any reader may."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NUMBERED = (b"evt", b"vec", b"sys")
"""The kinds of topics whose messages have a boot and a seq."""


@dataclass
class BootLedger:
    """One boot of one device."""

    seen: set[int] = field(default_factory=set)
    low: int = 0
    """All below it has been sent, or is named by a gap."""
    dropped: set[int] = field(default_factory=set)
    """Named by a gap."""

    @property
    def missing(self) -> list[int]:
        """What must have arrived and has not."""
        return sorted(set(range(self.low)) - self.seen - self.dropped)


@dataclass
class Ledger:
    """All devices' boots, and the messages themselves."""

    boots: dict[tuple[str, str], BootLedger] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)
    twice: int = 0

    def boot(self, device: str, name: str) -> BootLedger:
        """Return one boot's ledger, a new one where there is none."""
        return self.boots.setdefault((device, name), BootLedger())

    def add(self, message: dict[str, Any]) -> None:
        """Take one message into account."""
        self.messages.append(message)
        boot = self.boot(message["dev"], message["boot"])
        self.twice += message["seq"] in boot.seen
        boot.seen.add(message["seq"])
        boot.low = max(boot.low, message["low"])
        self._add_said(message)

    def _add_said(self, message: dict[str, Any]) -> None:
        device = message["dev"]
        if message["k"] == "gap":
            of = self.boot(device, message.get("of", message["boot"]))
            of.dropped |= set(range(message["from"], message["to"] + 1))
        if message["k"] == "start" and message["prev"][0]:
            name, last, _ = message["prev"]
            before = self.boot(device, name)
            before.low = max(before.low, last + 1)

    def of(self, device: str) -> int:
        """Return how many events of one device arrived, each counted once."""
        return sum(len(boot.seen) for (name, _), boot in self.boots.items() if name == device)

    @property
    def missing(self) -> list[str]:
        """Every event that must have arrived and has not."""
        return [
            f"{device} {name}/{seq}"
            for (device, name), boot in self.boots.items()
            for seq in boot.missing
        ]


def read(path: Path) -> Ledger:
    """Return what was written down so far; a line that is being written does not count yet."""
    ledger = Ledger()
    for message in _lines(path):
        ledger.add(message)
    return ledger


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    *lines, _ = path.read_bytes().split(b"\n")
    for line in lines:
        topic, _, payload = line.partition(b"\t")
        if topic.split(b"/")[4] in NUMBERED:
            yield json.loads(payload)
