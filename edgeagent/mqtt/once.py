"""One message, and away: for a command that has something to say beside a running agent.

Neither birth nor will: those are the agent's, and so is its client id.
"""

import time

from paho.mqtt.client import MQTTMessageInfo
from paho.mqtt.reasoncodes import ReasonCode

from edgeagent.config import MqttConfig
from edgeagent.errors import LinkError
from edgeagent.mqtt.beside import beside
from edgeagent.mqtt.client import plain_client, port_of

LOOK_S = 0.2
"""How often it is looked whether the broker has refused us meanwhile."""


def publish_once(
    config: MqttConfig,
    client_id: str,
    topic: str,
    payload: bytes,
    within_s: float = 20.0,
    retain: bool = False,
) -> None:
    """Publish one message at QoS 1, and wait until the broker has it.

    Args:
        config: the ``[mqtt]`` table; ``host`` is not empty.
        client_id: another than the agent's, or the broker would throw the agent out.
        topic: the whole of it.
        payload: wire bytes.
        within_s: for connecting and for the acknowledgement, together.
        retain: the broker is to keep it, or, if it is empty, to let go of what it keeps.

    Raises:
        CredentialError: a password, key or certificate will not do.
        LinkError: the broker was not reached, or did not take it in time.
    """
    refused: list[str] = []
    client, port = plain_client(config, client_id), port_of(config)
    client.on_connect = lambda *told: _note(told[3], refused)
    why = f"no acknowledgement within {within_s:g} s"
    taken = False
    try:
        client.connect(config.host, port, config.keepalive_s)
        client.loop_start()
        told = beside(payload, config.protocol == "5")
        sent = client.publish(topic, told.payload, qos=1, retain=retain, properties=told.properties)
        taken = _wait(sent, refused, within_s)
    except (OSError, ValueError, RuntimeError) as error:
        why = str(error)
    finally:
        client.disconnect()
        client.loop_stop()
    if not taken:
        # A broker that is quick to refuse has hung up before paho takes the message.
        why = refused[0] if refused else why
        raise LinkError(f"{config.host}:{port}: {topic} was not published: {why}")


def _wait(sent: MQTTMessageInfo, refused: list[str], within_s: float) -> bool:
    end_s = time.monotonic() + within_s
    while not (sent.is_published() or refused) and time.monotonic() < end_s:
        sent.wait_for_publish(LOOK_S)
    return sent.is_published()


def _note(answer: ReasonCode, refused: list[str]) -> None:
    if answer.is_failure:
        refused.append(str(answer))
