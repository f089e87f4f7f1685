"""The brokers that are known by name, with the source of every number.

All are the vendors' own words, read in November 2026; none was measured. Of what limits there are
only those stand here that a publishing device can meet: the agent never uses QoS 2, shared
subscriptions, topic aliases or a session that outlives its connection.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

KIB = 1024
ANY = "any"
"""The profile of a file that names none."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What one kind of broker wants and takes. 0, and empty: there is no such limit."""

    title: str
    """How messages call it."""
    defaults: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """What the settings of ``[mqtt]`` are where the file says nothing; ports stand apart."""
    port: int = 0
    websocket_port: int = 0
    other_ports: frozenset[int] = frozenset()
    """Where it listens besides."""
    alpn_port: int = -1
    """Where plain TLS must name a protocol, and which: with a certificate, with a password."""
    alpn_certificate: str = ""
    alpn_password: str = ""
    only_tls: bool = False
    by_name: bool = False
    """Many brokers share an address, and the name in the TLS handshake (SNI) tells them apart."""
    logins: tuple[str, ...] = ()
    """``certificate`` and ``password``: by one of them it must know the device."""
    max_packet_bytes: int = 0
    max_slashes: int = 7
    """In a topic; one less than its levels."""
    max_topic_bytes: int = 65535
    max_inflight: int = 65535
    """Messages at QoS 1 on their way to it at once; MQTT 5 brokers say so themselves."""
    keepalive_s: tuple[int, int] = (5, 3600)
    publish_per_s: float = 0.0
    """From one client."""
    retains_311: bool = True
    """A retained message in MQTT 3.1.1, which cannot refuse one, does not cost the connection."""


PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        # Seven slashes are the common ground: what fits here fits everywhere.
        ANY: Profile("the broker"),
        # mosquitto.conf(5): max_packet_size, max_keepalive and max_inflight_messages are the
        # owner's to set, and MQTT 5 tells of each. Topics of more than 200 levels are refused
        # (TOPIC_HIERARCHY_LIMIT in its source).
        "mosquitto": Profile("mosquitto", max_slashes=199),
        # AWS General Reference, "AWS IoT Core endpoints and quotas", message broker: client id
        # 128 bytes, payload 128 KB, 7 slashes, topic 256 bytes, keep-alive 30 to 1,200 s (less
        # counts as 30), 100 unacknowledged inbound messages, 100 publishes a second and
        # connection, those above discarded without a word; 512 KiB a second, more is delayed.
        # AWS IoT Developer Guide, "Device communication protocols": 8883, and 443 with ALPN
        # x-amzn-mqtt-ca for certificates, mqtt for custom authentication; WebSockets on 443.
        # "MQTT": TLS clients must send SNI. "Thing policy variables": the client id must be the
        # thing's name. 50: half of what it takes, so that live events have the other half.
        "aws-iot": Profile(
            "AWS IoT Core",
            MappingProxyType({"client_id": "{device}", "backlog_per_s": 50.0}),
            port=8883,
            websocket_port=443,
            other_ports=frozenset({443}),
            alpn_port=443,
            alpn_certificate="x-amzn-mqtt-ca",
            alpn_password="mqtt",  # noqa: S106  the name of a protocol
            only_tls=True,
            by_name=True,
            logins=("certificate", "password"),
            max_packet_bytes=128 * KIB,
            max_topic_bytes=256,
            max_inflight=100,
            keepalive_s=(30, 1200),
            publish_per_s=100.0,
        ),
        # Azure Event Grid, "MQTT features supported": 8883, WebSockets on 443, TLS only; user
        # name = authentication name; QoS 1 at most; packets of 512 KiB; keep-alive at most 1,160
        # s; Retain is a preview (64 KB), and without it a retained message in 3.1.1 ends the
        # connection. "Quotas and limits": 1,000 messages a second and session (since July 2025),
        # 1,000 messages and 64 KB in flight, topic 256 B, 15 segments (8 before May 2025).
        "azure-event-grid": Profile(
            "Azure Event Grid",
            MappingProxyType({"client_id": "{device}", "username": "{device}"}),
            port=8883,
            websocket_port=443,
            only_tls=True,
            by_name=True,
            logins=("certificate", "password"),
            max_packet_bytes=512 * KIB,
            max_slashes=14,
            max_topic_bytes=256,
            max_inflight=1000,
            keepalive_s=(5, 1160),
            publish_per_s=1000.0,
            retains_311=False,
        ),
        # EMQX, "MQTT Configuration": max_packet_size 1 MB, max_topic_levels 128, both the
        # owner's to set. "Listener": 1883, 8883, and 8083, 8084 for WebSockets.
        "emqx": Profile(
            "EMQX",
            websocket_port=8084,
            other_ports=frozenset({1883, 8083, 8883}),
            max_packet_bytes=KIB * KIB,
            max_slashes=127,
        ),
        # EMQX Cloud, "Quotas and Limits", Serverless: no anonymous access, messages of 1 MB, 10
        # publishes a second and client, 10 levels in a subscription; "Serverless Port Guide":
        # TLS only, 8883, WebSockets on 8084.
        "emqx-serverless": Profile(
            "EMQX Serverless",
            MappingProxyType({"backlog_per_s": 5.0}),
            port=8883,
            websocket_port=8084,
            only_tls=True,
            by_name=True,
            logins=("password",),
            max_packet_bytes=KIB * KIB,
            max_slashes=9,
            publish_per_s=10.0,
        ),
        # HiveMQ, "MQTT Specific Configuration": server receive maximum 10, packets of 256 MB,
        # keep-alive up to 65,535 s, all the owner's to set. 10 is said to MQTT 5 alone.
        "hivemq": Profile(
            "HiveMQ", MappingProxyType({"inflight": 10}), max_slashes=65534, max_inflight=65535
        ),
        # HiveMQ Cloud, "Quick Start Guide": TLS only, 8883, WebSockets on 8884, by name (SNI);
        # "Access Management Options": user and password, with the plans above Serverless
        # certificates, too. Limits come with its CONNACK; 10 as in HiveMQ.
        "hivemq-cloud": Profile(
            "HiveMQ Cloud",
            MappingProxyType({"inflight": 10}),
            port=8883,
            websocket_port=8884,
            only_tls=True,
            by_name=True,
            logins=("certificate", "password"),
            max_slashes=65534,
        ),
    }
)
"""By the name that ``mqtt.profile`` has."""
