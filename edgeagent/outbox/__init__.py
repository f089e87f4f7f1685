"""The queue on disk: what is put is kept over kill -9 until the broker has it; bounded.

Two logs of segment files over one row of seqs, each file dropped whole when all in it is
acknowledged: events, of which the oldest goes when there is no room, and notices, of which none
does. One small ledger says how far that has got. It holds opaque records and does not know what a
broker is.
"""

from edgeagent.outbox.disk import Disk, RealDisk
from edgeagent.outbox.disk_fake import KilledError, SmallDisk
from edgeagent.outbox.disk_power import Platter, PowerDisk
from edgeagent.outbox.queue import Outbox, Put
from edgeagent.outbox.reading import Cursor, Letter

__all__ = [
    "Cursor",
    "Disk",
    "KilledError",
    "Letter",
    "Outbox",
    "Platter",
    "PowerDisk",
    "Put",
    "RealDisk",
    "SmallDisk",
]
