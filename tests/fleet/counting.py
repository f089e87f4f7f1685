"""A consumer that writes down what arrives, and may not miss anything: the other end of the proof.

    python -m tests.fleet.counting HOST PORT FOLDER NAME OUT

NAME.crt, NAME.key and ca.crt are in FOLDER. One line a message goes to OUT: topic, tab, payload.
"""

import sys
import threading
from pathlib import Path

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

TOPIC = "edge/v1/#"


def client(folder: Path, name: str, own: str, session_s: int = 0) -> tuple[Client, Properties]:
    """Return a client ``own`` with ``name``'s certificate, and the properties to connect with."""
    mqtt = Client(CallbackAPIVersion.VERSION2, own, protocol=MQTTProtocolVersion.MQTTv5)
    mqtt.tls_set(str(folder / "ca.crt"), str(folder / f"{name}.crt"), str(folder / f"{name}.key"))
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    if session_s:
        properties.SessionExpiryInterval = session_s
    return mqtt, properties


def main(host: str, port: int, folder: Path, name: str, out: Path) -> None:
    """Count until killed."""
    mqtt, properties = client(folder, name, name, session_s=3600)
    with out.open("ab", buffering=0) as file:

        def hear(mqtt: Client, data: object, message: MQTTMessage) -> None:
            file.write(message.topic.encode() + b"\t" + bytes(message.payload) + b"\n")

        mqtt.on_connect = lambda client, *_: client.subscribe(TOPIC, qos=1)
        mqtt.on_message = hear
        mqtt.connect(host, port, clean_start=False, properties=properties)
        mqtt.loop_start()
        threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4], Path(sys.argv[5]))
