"""The wire between device and broker: loss, delay, a cut, and flows that a router has forgotten.

Two TUN devices, one in each network namespace, and this process between them. It does to packets
what netem does, on kernels that have no netem, and two things that netem does not: it can be cut
without anybody being told, and forget the flows there are while new ones pass, as a NAT does.

Run in the device's namespace: wire.py BROKER_PID; commands come as JSON lines on standard input.
"""

import asyncio
import ctypes
import fcntl
import json
import os
import random
import struct
import subprocess
import sys

BROKER_ADDRESS = "10.77.0.1"
DEVICE_ADDRESS = "10.77.0.2"
TUNSETIFF, IFF_TUN_NO_PI = 0x400454CA, 0x1001
"""linux/if_tun.h: attach to a TUN device; packets come without a header of their own."""
CLONE_NEWNET = 0x40000000
TCP = 6
PACKET_BYTES = 65536

Flow = tuple[int, int]
"""The device's port, and the broker's."""


def enter(namespace: int) -> None:
    """Go into a network namespace, given by a descriptor of it."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def open_tun(name: str, own: str, other: str) -> int:
    """Make one end in the namespace this process is in; return its descriptor."""
    end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN_NO_PI))
    for words in (
        ["addr", "add", own, "peer", other, "dev", name],
        ["link", "set", name, "up"],
        ["link", "set", "lo", "up"],
    ):
        subprocess.run(["ip", *words], check=True)
    return end


def flow_of(packet: bytes, is_from_device: bool) -> Flow | None:
    """Return which TCP connection an IPv4 packet belongs to, None where to none."""
    if packet[0] >> 4 != 4 or packet[9] != TCP:
        return None
    header_bytes = (packet[0] & 15) * 4
    source, target = struct.unpack_from(">HH", packet, header_bytes)
    return (source, target) if is_from_device else (target, source)


class Wire:
    """Carries packets both ways, as well as it is told to."""

    def __init__(self, device: int, broker: int) -> None:
        self._ends = {True: (device, broker), False: (broker, device)}
        self._random = random.Random(1)
        self._loss = self._delay_s = 0.0
        self._is_cut = False
        self._flows: set[Flow] = set()
        self._forgotten: set[Flow] = set()
        self._loop = asyncio.get_running_loop()
        for is_from_device, (source, _) in self._ends.items():
            self._loop.add_reader(source, self._carry, is_from_device)

    def obey(self, line: str) -> None:
        """Take a command: ``loss`` and ``delay_s`` each way, ``cut``, ``forget``."""
        told = json.loads(line)
        self._loss = told.get("loss", 0.0)
        self._delay_s = told.get("delay_s", 0.0)
        self._is_cut = told.get("cut", False)
        if told.get("forget"):
            self._forgotten |= self._flows
            self._flows.clear()

    def _carry(self, is_from_device: bool) -> None:
        source, target = self._ends[is_from_device]
        packet = os.read(source, PACKET_BYTES)
        flow = flow_of(packet, is_from_device)
        if self._is_cut or flow in self._forgotten or self._random.random() < self._loss:
            return
        if flow is not None:
            self._flows.add(flow)
        if self._delay_s:
            self._loop.call_later(self._delay_s, os.write, target, packet)
        else:
            os.write(target, packet)


async def live() -> None:
    """Carry until standard input ends."""
    here = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/proc/{sys.argv[1]}/ns/net", os.O_RDONLY)
    device = open_tun("device", DEVICE_ADDRESS, BROKER_ADDRESS)
    enter(there)
    broker = open_tun("broker", BROKER_ADDRESS, DEVICE_ADDRESS)
    # Back again: others find the device's namespace by this process.
    enter(here)
    wire = Wire(device, broker)
    print("ready", flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        wire.obey(line)


if __name__ == "__main__":
    asyncio.run(live())
