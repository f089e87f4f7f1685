"""paho's client, which takes no packet larger than any that is meant for us.

paho reads a packet whole, and a broker keeps 256 MB under one retained topic: whoever may write
there could have every connect end in want of memory. MQTT 5 has the broker keep such a message to
itself; of 3.1.1 only this client knows, and hangs up before it has read it.
"""

import errno

from paho.mqtt.client import Client
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

MAX_IN_BYTES = 16_384
"""An order has 1 KB, a desired state 4; the rest is for topics and what goes beside."""


class BoundedClient(Client):
    """See the module; `too_large_bytes` says whether that is why a connection ended."""

    too_large_bytes = 0

    def _sock_recv(self, bufsize: int) -> bytes:
        # Asked once for all that is left of a packet; nothing else asks for more than four bytes.
        if bufsize > MAX_IN_BYTES:
            self.too_large_bytes = bufsize
            raise OSError(errno.EMSGSIZE, f"a message of {bufsize} bytes came")
        return super()._sock_recv(bufsize)


def connect_properties() -> Properties:
    """Return what MQTT 5 tells the broker: what it may send at most."""
    told = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    told.MaximumPacketSize = MAX_IN_BYTES
    return told
