"""What the broker takes on one connection: as the settings have it, then as its CONNACK says."""

from dataclasses import dataclass

from paho.mqtt.properties import Properties

from edgeagent.brokers import profile_of
from edgeagent.config import MqttConfig

HEADER_BYTES = 16
"""Fixed header, length of the topic, packet id, empty properties, and room to spare."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Made anew by what the broker says; never changed."""

    window: int
    """Messages on their way at once."""
    max_packet_bytes: int = 0
    """0: as large as MQTT allows."""
    retains: bool = True
    """What is said for the device itself is kept for who comes later."""

    def narrowed(self, said: Properties | None) -> "Terms":
        """Return these terms as the properties of a CONNACK narrow them (MQTT 5.0, 3.2.2.3)."""
        window = min(self.window, getattr(said, "ReceiveMaximum", self.window))
        sizes = {self.max_packet_bytes, getattr(said, "MaximumPacketSize", 0)} - {0}
        retains = self.retains and bool(getattr(said, "RetainAvailable", 1))
        return Terms(max(1, window), min(sizes, default=0), retains)

    def is_too_large(
        self, topic: str, payload: bytes, properties: Properties | None = None
    ) -> bool:
        """Whether the broker would hang up on such a message."""
        beside = len(properties.pack()) if properties is not None and self.max_packet_bytes else 0  # type: ignore[no-untyped-call]
        whole = len(topic) + len(payload) + beside + HEADER_BYTES
        return bool(self.max_packet_bytes) and whole > self.max_packet_bytes


def terms_of(config: MqttConfig) -> Terms:
    """Return what may be taken for granted before the broker has said anything."""
    return Terms(config.inflight, profile_of(config).max_packet_bytes, config.retain)
