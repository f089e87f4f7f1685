"""One message, and away: for a command that has something to say beside a running agent.

Neither birth nor will: those are the agent's, and so is its client id.
"""

import time

from paho.mqtt.client import Client, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from edgeagent.config import MqttConfig
from edgeagent.credentials import read_secret
from edgeagent.errors import LinkError
from edgeagent.tls import tls_context

LOOK_S = 0.2
"""How often it is looked whether the broker has refused us meanwhile."""


def publish_once(
    config: MqttConfig, client_id: str, topic: str, payload: bytes, within_s: float = 20.0
) -> None:
    """Publish one message at QoS 1, and wait until the broker has it.

    Args:
        config: the ``[mqtt]`` table; ``host`` is not empty.
        client_id: another than the agent's, or the broker would throw the agent out.
        topic: the whole of it.
        payload: wire bytes.
        within_s: for connecting and for the acknowledgement, together.

    Raises:
        CredentialError: a password, key or certificate will not do.
        LinkError: the broker was not reached, or did not take it in time.
    """
    refused: list[str] = []
    client = _client(config, client_id, refused)
    port = config.port or (8883 if config.tls else 1883)
    try:
        client.connect(config.host, port, config.keepalive_s)
        client.loop_start()
        taken = _wait(client.publish(topic, payload, qos=1), refused, within_s)
    except (OSError, ValueError, RuntimeError) as error:
        raise LinkError(f"{config.host}:{port}: {topic} was not published: {error}") from error
    finally:
        client.disconnect()
        client.loop_stop()
    if not taken:
        why = refused[0] if refused else f"no acknowledgement within {within_s:g} s"
        raise LinkError(f"{config.host}:{port}: the broker did not take {topic}: {why}")


def _wait(sent: MQTTMessageInfo, refused: list[str], within_s: float) -> bool:
    end_s = time.monotonic() + within_s
    while not (sent.is_published() or refused) and time.monotonic() < end_s:
        sent.wait_for_publish(LOOK_S)
    return sent.is_published()


def _client(config: MqttConfig, client_id: str, refused: list[str]) -> Client:
    version = MQTTProtocolVersion.MQTTv5 if config.protocol == "5" else MQTTProtocolVersion.MQTTv311
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        protocol=version,
        transport="websockets" if config.websocket else "tcp",
    )
    if config.websocket:
        client.ws_set_options(config.websocket)
    if config.username:
        client.username_pw_set(config.username, read_secret(config.password_file).reveal())
    if config.tls:
        client.tls_set_context(tls_context(config))
    client.connect_timeout = config.connect_s

    client.on_connect = lambda *told: _note(told[3], refused)
    return client


def _note(answer: ReasonCode, refused: list[str]) -> None:
    if answer.is_failure:
        refused.append(str(answer))
