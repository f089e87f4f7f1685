"""What parent and child say to each other: tiny messages over a pair of sockets, one at a time.

The sockets keep the bounds of messages (SOCK_SEQPACKET), so that nothing is ever read in parts.
Each request is followed by its one answer. Only loading carries more than a header.
"""

import struct

ANSWER = struct.Struct("=QQ")
"""How it went, one of the below, and nanoseconds in the interpreter; JSON or words may follow."""

MAX_BYTES = 65536
"""Longest message: the tensors of a model with dozens of outputs, as JSON."""

WELL = 0
WRONG = 1
"""The interpreter said so; its words follow."""
BUNDLE = 2
"""`BundleError`, its words follow."""
REFUSED = 3
"""`RuntimeRefusedError`, its words follow."""
DEVICE = 4
"""`AcceleratorError`; its cause follows, a line feed, and its words."""

_REQUEST = struct.Struct("=cI")


def run(model: int) -> bytes:
    """Return the request to run a model."""
    return _REQUEST.pack(b"r", model)


def load(model: int) -> bytes:
    """Return the request to load one; `memory.Plan` as JSON follows, with a descriptor."""
    return _REQUEST.pack(b"l", model)


def drop(model: int) -> bytes:
    """Return the request to free one."""
    return _REQUEST.pack(b"d", model)


def parse(request: bytes) -> tuple[bytes, int]:
    """Return the first letter of what to do, and with which model."""
    what, model = _REQUEST.unpack(request)
    return what, model
