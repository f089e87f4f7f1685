"""A thousand agents lose one broker: how evenly do they come back?

Each is a task with a `Backoff` of its own, the link's, and makes real connections: TCP, CONNECT,
CONNACK, to a real mosquitto that is killed and started again. What is simulated is the rest of an
agent. Told is when each CONNECT of the return was sent, in bins of 100 ms.
"""

import asyncio
import contextlib
import resource
import signal
import struct
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from edgeagent.mqtt.backoff import Backoff
from scripts.benches.fire.broker import FORGOTTEN, OPEN, Broker

AGENTS = 1000
BIN_S = 0.1
PORT = 11884
BACKOFF_MAX_S = 120.0
"""The default of ``mqtt.backoff_max_s``."""


def connect_packet(client_id: str) -> bytes:
    """Return a CONNECT (MQTT 3.1.1, section 3.1), clean session, no keep-alive."""
    name = client_id.encode()
    body = b"\0\4MQTT\4\2\0\0" + struct.pack(">H", len(name)) + name
    return bytes([0x10, len(body)]) + body


class Herd:
    """All of them, and when they came."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.connected = 0
        self.attempts: list[float] = []
        """When each CONNECT got through, monotonic seconds."""
        self.refused = 0

    async def live(self, number: int) -> None:
        """Be one agent, for ever."""
        backoff = Backoff(BACKOFF_MAX_S)
        while True:
            began_s = time.monotonic()
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._stay(number)
            await asyncio.sleep(backoff.wait_s(time.monotonic() - began_s))

    async def _stay(self, number: int) -> None:
        came_s = time.monotonic()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            self.refused += 1
            raise
        try:
            writer.write(connect_packet(f"herd-{number}"))
            await reader.readexactly(4)
            self.attempts.append(came_s)
            self.connected += 1
            try:
                await reader.read(1)
            finally:
                self.connected -= 1
        finally:
            writer.close()

    async def all_there(self) -> None:
        """Return when all are connected."""
        while self.connected < AGENTS:
            await asyncio.sleep(0.05)


async def _lose(broker: Broker, outage_s: float) -> dict[str, Any]:
    herd = Herd(broker.port)
    broker.start()
    tasks = [asyncio.ensure_future(herd.live(number)) for number in range(AGENTS)]
    await asyncio.wait_for(herd.all_there(), 60)
    broker.end(signal.SIGKILL)
    await asyncio.sleep(outage_s)
    herd.attempts.clear()
    broker.start()
    free_s = time.monotonic()
    await asyncio.wait_for(herd.all_there(), 60 + outage_s)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return _told(outage_s, [at_s - free_s for at_s in herd.attempts], herd.refused)


def _told(outage_s: float, came_s: list[float], refused: int) -> dict[str, Any]:
    bins = Counter(int(max(at_s, 0.0) / BIN_S) for at_s in came_s)
    mean = len(came_s) / (max(bins) + 1)
    return {
        "outage_s": outage_s,
        "agents": AGENTS,
        "refused": refused,
        "back_s": max(came_s),
        "fullest": max(bins.values()),
        "mean": mean,
        "is_met": max(bins.values()) <= 3 * mean + 3,
    }


def return_of(outage_s: float) -> dict[str, Any]:
    """Kill the broker under a thousand agents for ``outage_s``; return how they came back."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 8192), most))
    with tempfile.TemporaryDirectory(prefix="herd-") as folder:
        broker = Broker(Path(folder) / "broker", OPEN + FORGOTTEN, PORT)
        try:
            return asyncio.run(_lose(broker, outage_s))
        finally:
            broker.end()


def line(told: dict[str, Any]) -> str:
    """Return it for a person."""
    return (
        f"{told['agents']} agents, broker away for {told['outage_s']:g} s: all back after"
        f" {told['back_s']:.1f} s; in 100 ms at most {told['fullest']}, mean {told['mean']:.1f}"
        f" (bar {3 * told['mean'] + 3:.1f}){'' if told['is_met'] else '  MISSED'}"
    )
