"""The witness before the broker: passes all bytes on, and notes each PUBLISH and its PUBACK."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from scripts.benches.fire import packets
from scripts.benches.fire.packets import CONNACK, CONNECT, PUBACK, PUBLISH, Cutter, Packet

READ_BYTES = 4096
UNACCEPTABLE_LEVEL = bytes([CONNACK << 4, 2, 0, 1])
"""CONNACK of a broker that speaks 3.1.1 alone (MQTT 3.1.1, 3.2.2.3)."""


@dataclass(slots=True)
class Sent:
    """One PUBLISH at QoS 1 that reached the proxy."""

    client: str
    topic: str
    payload: bytes
    sent_s: float
    code: int = -1
    """Reason code of its PUBACK; -1 while there is none."""
    acked_s: float = 0.0

    @property
    def taken(self) -> bool:
        """Whether the broker said that it has it."""
        return 0 <= self.code < 128


@dataclass
class Visit:
    """One connection from a device."""

    client: str = ""
    level: int = 0
    flying: dict[int, Sent] = field(default_factory=dict)
    most_flying: int = 0


class Proxy:
    """Listens on ``host``, passes on to 127.0.0.1; a loop in a thread of its own."""

    def __init__(self, host: str, port: int, to_port: int) -> None:
        self._where, self._to_port = (host, port), to_port
        self.port = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._server: asyncio.Server | None = None
        self.bytes_per_s = 0.0
        """How fast it reads from the devices; 0: as fast as they write."""
        self.is_old = False
        """It answers as a broker does that knows 3.1.1 alone."""
        self.sent: list[Sent] = []
        self.visits: list[Visit] = []
        self._thread.start()

    def open(self) -> None:
        """Take connections."""
        self._run(self._open())

    def shut(self) -> None:
        """Refuse connections; those there are end with the broker's."""
        self._run(self._shut())

    def close(self) -> None:
        """End all connections, and the loop."""
        self.shut()
        self._run(self._hang_up())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _open(self) -> None:
        listener = socket.create_server(self._where, backlog=1000)
        # Small, so that slow reading is felt at the other end.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._server = await asyncio.start_server(self._serve, sock=listener, limit=1024)

    async def _shut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _hang_up(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        visit = Visit()
        self.visits.append(visit)
        try:
            with contextlib.suppress(OSError, asyncio.CancelledError):
                far, on = await asyncio.open_connection("127.0.0.1", self._to_port)
                try:
                    await self._carry_both(near, back, far, on, visit)
                finally:
                    on.close()
        finally:
            back.close()

    async def _carry_both(
        self,
        near: asyncio.StreamReader,
        back: asyncio.StreamWriter,
        far: asyncio.StreamReader,
        on: asyncio.StreamWriter,
        visit: Visit,
    ) -> None:
        ways = [
            asyncio.ensure_future(self._up(near, on, back, visit)),
            asyncio.ensure_future(self._down(far, back, visit)),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)

    async def _up(
        self,
        near: asyncio.StreamReader,
        on: asyncio.StreamWriter,
        back: asyncio.StreamWriter,
        visit: Visit,
    ) -> None:
        cutter = Cutter()
        while data := await near.read(self._portion()):
            for packet in cutter.feed(data):
                if self._is_refused(packet):
                    back.write(UNACCEPTABLE_LEVEL)
                    return
                self._note_up(packet, visit)
                on.write(packet.whole)
            await on.drain()
            if self.bytes_per_s:
                await asyncio.sleep(len(data) / self.bytes_per_s)

    def _portion(self) -> int:
        return max(1, int(self.bytes_per_s / 10)) if self.bytes_per_s else READ_BYTES

    def _is_refused(self, packet: Packet) -> bool:
        return self.is_old and packet.kind == CONNECT and packets.connect(packet)[1] == packets.V5

    def _note_up(self, packet: Packet, visit: Visit) -> None:
        if packet.kind == CONNECT:
            visit.client, visit.level = packets.connect(packet)
        elif packet.kind == PUBLISH:
            told = packets.publish(packet, visit.level)
            if told.packet_id:
                sent = Sent(visit.client, told.topic, told.payload, time.monotonic())
                visit.flying[told.packet_id] = sent
                visit.most_flying = max(visit.most_flying, len(visit.flying))
                self.sent.append(sent)

    async def _down(
        self, far: asyncio.StreamReader, back: asyncio.StreamWriter, visit: Visit
    ) -> None:
        cutter = Cutter()
        while data := await far.read(READ_BYTES):
            for packet in cutter.feed(data):
                if packet.kind == PUBACK:
                    packet_id, code = packets.puback(packet)
                    sent = visit.flying.pop(packet_id, None)
                    if sent is not None:
                        sent.code, sent.acked_s = code, time.monotonic()
            back.write(data)
            await back.drain()
