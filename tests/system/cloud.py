"""A cloud's front door, of the tests' own: what a local broker behind it cannot be made to do.

It ends TLS, asks for a name (SNI), a protocol (ALPN) and a certificate, and drops what comes
faster than it takes.
"""

import asyncio
import ssl
import time
from dataclasses import dataclass, field
from pathlib import Path

from scripts.benches.fire.packets import DISCONNECT, PUBLISH, Cutter
from scripts.benches.fire.proxy import READ_BYTES, Proxy, Visit

NAME = "localhost"
"""How this cloud is called; one that is asked for another name hangs up."""
TOO_FAST = bytes([DISCONNECT << 4, 2, 0x96, 0])
"""DISCONNECT for a message rate too high (MQTT 5.0, 3.14.2.1)."""


def door(certificate: Path, ca: Path, protocol: str, wants_certificate: bool) -> ssl.SSLContext:
    """Return a server's context that shows ``certificate`` and is as choosy as a cloud's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    if wants_certificate:
        context.load_verify_locations(ca)
        context.verify_mode = ssl.CERT_REQUIRED
    if protocol:
        context.set_alpn_protocols([protocol])
    context.sni_callback = _judge_name
    return context


def _judge_name(_socket: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> int | None:
    return None if name == NAME else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME


@dataclass
class Second:
    """How many messages came in the second that runs now."""

    begun_s: float = 0.0
    count: int = 0
    most: int = field(default=0)

    def counts(self) -> int:
        """Count one more; return how many that makes in this second."""
        now_s = time.monotonic()
        if now_s - self.begun_s >= 1.0:
            self.begun_s, self.count = now_s, 0
        self.count += 1
        self.most = max(self.most, self.count)
        return self.count


class Cloud(Proxy):
    """The `Proxy` behind a door of TLS."""

    def __init__(self, port: int, to_port: int, context: ssl.SSLContext, protocol: str) -> None:
        super().__init__("127.0.0.1", port, to_port)
        self._context, self._protocol = context, protocol
        self.takes_per_s = 0
        """What comes faster is dropped without a word; 0: nothing is."""
        self.hangs_up = False
        """It is not dropped, but the connection ended."""
        self.dropped = 0
        self.second = Second()

    def cut(self) -> None:
        """End all connections, and take new ones."""
        self._run(self._hang_up())

    async def _open(self) -> None:
        self._server = await asyncio.start_server(
            self._serve, self._where[0], self._where[1], ssl=self._context
        )

    async def _serve(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        chosen = back.get_extra_info("ssl_object").selected_alpn_protocol()
        if self._protocol and chosen != self._protocol:
            back.close()
            return
        await super()._serve(near, back)

    async def _up(
        self,
        near: asyncio.StreamReader,
        on: asyncio.StreamWriter,
        back: asyncio.StreamWriter,
        visit: Visit,
    ) -> None:
        cutter = Cutter()
        while data := await near.read(READ_BYTES):
            for packet in cutter.feed(data):
                self._note_up(packet, visit)
                if packet.kind == PUBLISH and self._is_too_fast():
                    self.dropped += 1
                    if self.hangs_up:
                        back.write(TOO_FAST)
                        return
                    continue
                on.write(packet.whole)
            await on.drain()

    def _is_too_fast(self) -> bool:
        return self.second.counts() > self.takes_per_s > 0
