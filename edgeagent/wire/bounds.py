"""The most that one message may be, however it is encoded."""

PAYLOAD_MAX_BYTES = 65536
"""What every broker that is known by name takes with room to spare (`brokers.known`)."""


def bounded(payload: bytes) -> bytes:
    """Return ``payload``.

    Raises:
        ValueError: it is larger than ``PAYLOAD_MAX_BYTES``.
    """
    if len(payload) > PAYLOAD_MAX_BYTES:
        raise ValueError(
            f"a payload of {len(payload)} bytes is over the {PAYLOAD_MAX_BYTES} brokers take"
        )
    return payload
