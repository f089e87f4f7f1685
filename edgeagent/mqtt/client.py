"""A paho client as the settings ask for it, and the thread it runs in."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes

from edgeagent.config import MqttConfig
from edgeagent.credentials import read_secret
from edgeagent.mqtt.beside import beside
from edgeagent.mqtt.bounded import BoundedClient, connect_properties
from edgeagent.tls import tls_context


@dataclass(frozen=True, slots=True)
class Words:
    """What the link says for the device itself: at QoS 1, outside the outbox; retained or not."""

    prefix: str
    """All topics begin with it: ``edge/v1/home/door``."""
    client_id: str
    status: Callable[[str], bytes]
    """Payload of ``status`` for ``online``, ``stopped`` or ``offline`` (the will)."""
    info: Callable[[], bytes]
    reported: Callable[[], bytes] | None = None
    """Payload of ``cfg/reported``; None where no state is listened to."""


def make_client(config: MqttConfig, words: Words) -> BoundedClient:
    """Return a client with credentials, encryption and will, that calls nobody back yet.

    Raises:
        CredentialError: a password, key or certificate will not do.
    """
    client = plain_client(config, words.client_id)
    will = words.status("offline")
    told = beside(will, config.protocol == "5", PacketTypes.WILLMESSAGE)
    client.will_set(f"{words.prefix}/status", told.payload, 1, config.retain, told.properties)
    client.max_inflight_messages_set(config.inflight + 2)
    return client


def plain_client(config: MqttConfig, client_id: str) -> BoundedClient:
    """Return a client with credentials and encryption, and no will.

    Raises:
        CredentialError: a password, key or certificate will not do.
    """
    is_v5 = config.protocol == "5"
    client = BoundedClient(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        protocol=MQTTProtocolVersion.MQTTv5 if is_v5 else MQTTProtocolVersion.MQTTv311,
        clean_session=None if is_v5 else True,
        reconnect_on_failure=False,
        transport="websockets" if config.websocket else "tcp",
    )
    if config.websocket:
        client.ws_set_options(config.websocket)
    if config.username:
        client.username_pw_set(config.username, read_secret(config.password_file).reveal())
    if config.tls:
        client.tls_set_context(tls_context(config))
    client.connect_timeout = config.connect_s
    return client


def port_of(config: MqttConfig) -> int:
    """Return the port to connect to: the one set, else the usual one."""
    return config.port or (8883 if config.tls else 1883)


def begin(client: Client, config: MqttConfig, client_id: str) -> threading.Thread | None:
    """Begin to connect; return the client's thread, None if it has ended already."""
    port = port_of(config)
    before = set(threading.enumerate())
    if config.protocol == "5":
        told = connect_properties()
        client.connect_async(
            config.host, port, config.keepalive_s, clean_start=True, properties=told
        )
    else:
        client.connect_async(config.host, port, config.keepalive_s)
    client.loop_start()
    name = f"paho-mqtt-client-{client_id}"
    begun = (t for t in threading.enumerate() if t not in before and t.name == name)
    return next(begun, None)
