"""Packets since a stream's last keyframe: what a decoder needs to catch up, and no more."""

import math
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av import Packet
    from av.video.stream import VideoStream

MAX_BYTES = 16 << 20
"""Most that is kept of one stream: 16 s at 8 Mbit/s. One with fewer keyframes is not kept."""


class Gop:
    """Keeps packets from the last keyframe on, bounded in bytes. Not for two threads at once."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._kept: deque[tuple[Packet[VideoStream], float]] = deque()
        self._bytes = 0
        self._follows = False

    def add(self, packet: "Packet[VideoStream]", mono_s: float = 0.0) -> None:
        """Keep ``packet``, taken at ``mono_s``; a keyframe sends away all before it."""
        if packet.is_keyframe:
            self.clear()
            self._follows = True
        if self._bytes + packet.size > self._max_bytes:
            self.clear()
        if self._follows:
            self._kept.append((packet, mono_s))
            self._bytes += packet.size

    def due(self, at_s: float = math.inf) -> "list[tuple[Packet[VideoStream], float]]":
        """Return, and keep no longer, what leads to the first picture taken at ``at_s`` or later.

        The list begins with a keyframe, or goes on where the one before it ended.
        """
        due = []
        while self._kept:
            due.append(self._kept.popleft())
            self._bytes -= due[-1][0].size
            if due[-1][1] >= at_s:
                break
        return due

    def clear(self) -> None:
        """Keep nothing until the next keyframe."""
        self._kept.clear()
        self._bytes, self._follows = 0, False
