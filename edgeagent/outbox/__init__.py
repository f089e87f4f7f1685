"""The queue on disk: what is put is kept over kill -9 until the broker has it; bounded.

A log of segment files, each dropped whole when all in it is acknowledged; one small ledger says
how far that has got. It holds opaque records and does not know what a broker is.
"""

from edgeagent.outbox.disk import Disk, RealDisk, SmallDisk
from edgeagent.outbox.queue import Outbox, Put
from edgeagent.outbox.reading import Cursor, Letter

__all__ = ["Cursor", "Disk", "Letter", "Outbox", "Put", "RealDisk", "SmallDisk"]
