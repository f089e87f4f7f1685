"""MQTT packets as far as a witness must understand them (MQTT 5.0, section 2)."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

CONNECT, CONNACK, PUBLISH, PUBACK, DISCONNECT = 1, 2, 3, 4, 14
V5 = 5


class Packet(NamedTuple):
    """One control packet."""

    kind: int
    flags: int
    body: bytes
    """All behind the fixed header."""
    whole: bytes


class Publish(NamedTuple):
    """What a PUBLISH says."""

    topic: str
    packet_id: int
    """0 at QoS 0."""
    payload: bytes


class Cutter:
    """Cuts a stream of bytes into packets."""

    def __init__(self) -> None:
        self._kept = b""

    def feed(self, data: bytes) -> Iterator[Packet]:
        """Take bytes in; yield the packets that are whole now."""
        self._kept += data
        while len(self._kept) >= 2:
            rest, header_bytes = _length(self._kept)
            end = header_bytes + rest
            if not header_bytes or len(self._kept) < end:
                return
            whole, self._kept = self._kept[:end], self._kept[end:]
            yield Packet(whole[0] >> 4, whole[0] & 15, whole[header_bytes:], whole)


def _length(data: bytes, at: int = 1) -> tuple[int, int]:
    """Return the variable byte integer at ``at``, and where it ends; (0, 0) where it is cut off."""
    value = 0
    for place, byte in enumerate(data[at : at + 4]):
        value |= (byte & 127) << 7 * place
        if byte < 128:
            return value, at + place + 1
    return 0, 0


def connect(packet: Packet) -> tuple[str, int]:
    """Return the client id and the protocol level of a CONNECT."""
    level, at = packet.body[6], 10
    if level == V5:
        rest, at = _length(packet.body, at)
        at += rest
    (size,) = struct.unpack_from(">H", packet.body, at)
    return packet.body[at + 2 : at + 2 + size].decode(), level


def publish(packet: Packet, level: int) -> Publish:
    """Return what a PUBLISH says on a connection of protocol ``level``."""
    (size,) = struct.unpack_from(">H", packet.body)
    at, packet_id = 2 + size, 0
    if packet.flags & 6:
        (packet_id,) = struct.unpack_from(">H", packet.body, at)
        at += 2
    if level == V5:
        rest, at = _length(packet.body, at)
        at += rest
    return Publish(packet.body[2 : 2 + size].decode(), packet_id, packet.body[at:])


def puback(packet: Packet) -> tuple[int, int]:
    """Return packet id and reason code of a PUBACK; code 0 where none is said."""
    (packet_id,) = struct.unpack_from(">H", packet.body)
    return packet_id, packet.body[2] if len(packet.body) > 2 else 0
