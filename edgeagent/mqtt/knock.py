"""Is the broker there for us? One CONNECT, and away: nothing is said, heard or left behind.

No will, no session, and a client id beside the agent's own: a broker ends the elder of two
connections that have the same.
"""

import threading
import time

from paho.mqtt.reasoncodes import ReasonCode

from edgeagent.config import MqttConfig
from edgeagent.errors import LinkError
from edgeagent.mqtt.client import plain_client, port_of


def knock(config: MqttConfig, client_id: str, within_s: float = 15.0) -> float:
    """Connect with the account of the settings, and disconnect.

    Args:
        config: the ``[mqtt]`` table; ``host`` is not empty.
        client_id: another than the agent's.
        within_s: for the broker's answer.

    Returns:
        Seconds until the broker had let us in.

    Raises:
        CredentialError: a password, key or certificate will not do.
        LinkError: it was not reached, refused us, or gave no answer.
    """
    answers: list[ReasonCode] = []
    answered = threading.Event()
    client, where = plain_client(config, client_id), f"{config.host}:{port_of(config)}"

    def hear(*told: object) -> None:
        assert isinstance(told[3], ReasonCode)
        answers.append(told[3])
        answered.set()

    client.on_connect = hear
    client.on_disconnect = lambda *_: answered.set()
    began_s = time.monotonic()
    try:
        client.connect(config.host, port_of(config), config.keepalive_s)
        client.loop_start()
        answered.wait(within_s)
    except (OSError, ValueError) as error:
        raise LinkError(f"{where}: {error}") from error
    finally:
        took_s = time.monotonic() - began_s
        client.disconnect()
        client.loop_stop()
    if not answers:
        told = "hung up without a word" if answered.is_set() else f"was silent for {within_s:g} s"
        raise LinkError(f"{where}: the broker {told} after CONNECT")
    if answers[0].is_failure:
        raise LinkError(f"{where}: the broker refuses {config.username or client_id}: {answers[0]}")
    return took_s
