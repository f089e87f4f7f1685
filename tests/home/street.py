"""The three beside each other: what is set, what is shown, and whether it is what is so."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests.home.parties import Agent, Broker, Home, until

PREFIX = "edge/v1/home/porch"
CLIP = Path(__file__).parents[2] / "edgeagent" / "clips" / "cockatoo.mp4"
SETTINGS = """\
device = "porch"
[[camera]]
name = "clip"
source = "{source}"
address = "{address}"
loop = true
{zone}
[mqtt]
host = "127.0.0.1"
port = {{port}}
tls = false
backoff_max_s = 2.0
[clock]
flag = "{{synchronised}}"
[commands]
allow = ["ping", "status", "look", "pause", "resume", "restart"]
[homeassistant]
enabled = {enabled}
labels = {labels}
"""
ZONE = """\
[[camera.zone]]
name = "perch"
polygon = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
"""
WITHIN_S = 60.0
UNKNOWN_HERE = ("temperature", "clip.event", "clip.last")
"""What a machine without sensors does not know, and what has not happened yet."""


def settings(
    labels: str = '["bird", "person"]', zone: str = ZONE, enabled: bool = True, still: str = ""
) -> str:
    """Return the agent's settings; its port is filled in later."""
    source, address = ("images", still) if still else ("video", str(CLIP))
    told = {"labels": labels, "zone": zone, "enabled": str(enabled).lower()}
    return SETTINGS.format(source=source, address=address, **told)


class Street(NamedTuple):
    """All three."""

    broker: Broker
    agent: Agent
    home: Home

    def down(self) -> None:
        """End them all."""
        for party in (self.home, self.agent, self.broker):
            party.end()

    def entities(self) -> dict[str, dict[str, Any]]:
        """Return what Home Assistant shows, by the ends of the unique ids."""
        told: dict[str, dict[str, Any]] = self.home.ask()["entities"]
        return {name.removeprefix("edgeagent.home.porch."): one for name, one in told.items()}

    def states(self) -> dict[str, str]:
        """Return the state of each."""
        return {name: one["state"] for name, one in self.entities().items()}


def faults(street: Street) -> list[str]:
    """Return what Home Assistant shows otherwise than the broker's latest word has it."""
    shown = street.states()
    kept = street.broker.keeps("edge/#").get(f"{PREFIX}/state/clip")
    if kept is None:
        return ["the broker keeps no state"]
    wanted = {
        "clip.state": kept["s"],
        "clip.motion": "on" if kept["mov"] else "off",
        "clip.bird": "on" if kept["n"].get("bird") else "off",
        "clip.bird.count": str(kept["n"].get("bird", 0)),
        "clip.person": "off",
        "clip.zone.perch.bird": "on" if kept["zn"]["perch"].get("bird") else "off",
        "problem": "off",
        "engines": "cpu",
    }
    wrong = [f"{n} is {shown.get(n)}, not {to}" for n, to in wanted.items() if shown.get(n) != to]
    silent = [
        name
        for name, state in shown.items()
        if state in ("unavailable", None) or (state == "unknown" and not _may_be_unknown(name))
    ]
    return wrong + [f"{name} is {shown[name]}" for name in silent]


def _may_be_unknown(name: str) -> bool:
    return name in UNKNOWN_HERE or name.split(".")[-1] in ("restart", "pause", "resume", "look")


def is_right(street: Street) -> str:
    """Wait until it shows what is so; return how long that took, or raise what is wrong."""
    began_s, found = time.monotonic(), [""]

    def holds() -> bool:
        found[:] = faults(street)
        return not found

    if not until(holds, WITHIN_S):
        raise AssertionError("; ".join(found))
    return f"right after {time.monotonic() - began_s:.0f} s"


def wait_for(what: str, holds: Callable[[], bool]) -> str:
    """Wait for ``holds``; raise ``what`` where it does not come to."""
    began_s = time.monotonic()
    if not until(holds, WITHIN_S):
        raise AssertionError(f"{what}: not within {WITHIN_S:.0f} s")
    return f"{what}, after {time.monotonic() - began_s:.0f} s"
