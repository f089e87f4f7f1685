"""What systemd is told: ready, alive, what it does, stopping (sd_notify(3))."""

import os
import socket

from edgeagent.health import Health


class Notifier:
    """Sends to $NOTIFY_SOCKET; does nothing where systemd did not start us."""

    def __init__(self, address: str | None = None) -> None:
        address = os.environ.get("NOTIFY_SOCKET", "") if address is None else address
        # A leading @ stands for the zero byte of Linux's abstract sockets.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if address else None

    def tell(self, *fields: str) -> None:
        """Send ``fields`` such as ``READY=1``; a systemd that does not listen is not our fault."""
        if self._socket is None:
            return
        try:
            self._socket.sendto("\n".join(fields).encode(errors="replace"), self._address)
        except OSError:
            return

    def close(self) -> None:
        """Let the socket go."""
        if self._socket is not None:
            self._socket.close()


class Watchdog:
    """Says WATCHDOG=1 only while every part made progress or is rightly idle."""

    def __init__(self, notifier: Notifier, health: Health, stuck_s: float) -> None:
        self.stuck_s = stuck_s
        self._notifier = notifier
        self._health = health
        self._status = ""
        self._stuck: list[str] = []

    def feed(self, at_s: float) -> list[str]:
        """Feed systemd's watchdog unless a part is stuck; return the parts that are."""
        stuck = self._health.stuck(at_s, self.stuck_s)
        for part in self._stuck:
            self._health.well(part)
        for part in stuck:
            self._health.fault(part, f"busy with one thing for more than {self.stuck_s:g} s")
        self._stuck = stuck
        if not stuck:
            self._notifier.tell("WATCHDOG=1")
        self._say_status()
        return stuck

    def _say_status(self) -> None:
        states = self._health.snapshot().states
        faults = "; ".join(f"{part}: {why}" for part, why in states.items())
        status = faults or "watching"
        if status != self._status:
            self._notifier.tell(f"STATUS={status}")
            self._status = status
