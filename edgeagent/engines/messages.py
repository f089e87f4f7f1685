"""What parent and child say to each other: tiny messages over a pair of sockets, one at a time.

The sockets keep the bounds of messages (SOCK_SEQPACKET), so that nothing is ever read in parts.
Each request is followed by its one answer. Only loading carries more than a header.
"""

import struct
from enum import IntEnum

REQUEST = struct.Struct("=II")
"""What to do, and with which model."""

ANSWER = struct.Struct("=IIQ")
"""How it went, which model, and nanoseconds in the interpreter; JSON or words may follow."""

MAX_BYTES = 65536
"""Longest message: the tensors of a model with dozens of outputs, as JSON."""


class Do(IntEnum):
    """What a request asks for."""

    RUN = 1
    LOAD = 2
    """A second message follows: `memory.Plan` as JSON, with the memory's descriptor."""
    DROP = 3


class Went(IntEnum):
    """How it went."""

    WELL = 0
    WRONG = 1
    """The interpreter said so; its words follow."""
    BUNDLE = 2
    """`BundleError`, its words follow."""
    REFUSED = 3
    """`RuntimeRefusedError`, its words follow."""
    DEVICE = 4
    """`AcceleratorError`; its cause follows, a line feed, and its words."""
