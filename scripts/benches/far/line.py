"""Two network namespaces, and a line between them that takes its time: no kernel module needed.

What netem does for a network card is done here for whole IP packets between two TUN devices, so
that TCP's own slow start, acknowledgements and repeats are real. A packet is never reordered.
"""

import fcntl
import os
import select
import struct
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

NEAR, FAR = "edgeagent-near", "edgeagent-far"
FAR_ADDRESS = "10.97.0.2"
_NEAR_ADDRESS = "10.97.0.1"

_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
"""From the kernel's linux/if_tun.h."""
_MOST_BYTES = 2048


class Line:
    """Carries packets both ways, each ``one_way_s`` later; a thread of its own."""

    def __init__(self) -> None:
        self.one_way_s = 0.0
        self.is_cut = False
        """While it is, every packet is lost."""
        self.carried_bytes = [0, 0]
        """IP packets taken up from the near end, and from the far one."""
        self._ends = [_tun("ea-near"), _tun("ea-far")]
        self._queues: list[deque[tuple[float, bytes]]] = [deque(), deque()]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._carry, name="line", daemon=True)

    def start(self) -> None:
        """Begin to carry; both ends are up."""
        self._thread.start()

    def close(self) -> None:
        """End the thread; the devices go with their descriptors."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        for end in self._ends:
            os.close(end)

    def _carry(self) -> None:
        while not self._stop.is_set():
            ready, _, _ = select.select(self._ends, [], [], self._pause_s())
            for end in ready:
                self._take(self._ends.index(end))
            for side in (0, 1):
                self._hand_on(side)

    def _pause_s(self) -> float:
        due_s = min((queue[0][0] for queue in self._queues if queue), default=float("inf"))
        return min(max(due_s - time.monotonic(), 0.0), 0.05)

    def _take(self, side: int) -> None:
        packet = os.read(self._ends[side], _MOST_BYTES)
        if packet[0] >> 4 != 4:
            # The kernel's own IPv6 talk on a new device.
            return
        self.carried_bytes[side] += len(packet)
        if not self.is_cut:
            self._queues[side].append((time.monotonic() + self.one_way_s, packet))

    def _hand_on(self, side: int) -> None:
        queue = self._queues[side]
        while queue and queue[0][0] <= time.monotonic():
            os.write(self._ends[1 - side], queue.popleft()[1])


def _tun(name: str) -> int:
    file = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(file, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI))
    return file


@contextmanager
def line() -> Iterator[Line]:
    """Make both namespaces and the line; all is gone at the end. Needs root.

    Raises:
        OSError: no TUN device may be made here.
        subprocess.CalledProcessError: no namespace may be made here.
    """
    made = Line()
    try:
        for name, device, own, other in (
            (NEAR, "ea-near", _NEAR_ADDRESS, FAR_ADDRESS),
            (FAR, "ea-far", FAR_ADDRESS, _NEAR_ADDRESS),
        ):
            _ip("netns", "add", name)
            _ip("link", "set", device, "netns", name)
            _ip("-n", name, "addr", "add", own, "peer", other, "dev", device)
            _ip("-n", name, "link", "set", device, "up")
            _ip("-n", name, "link", "set", "lo", "up")
        made.start()
        yield made
    finally:
        made.close()
        for name in (NEAR, FAR):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
