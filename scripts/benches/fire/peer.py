"""The naive peer: paho as its examples use it, with its own queue and its own reconnecting.

peer.py HOST PORT CLIENT_ID PER_S FILE [PASSWORD]: publishes numbered messages at QoS 1 and notes
in FILE how many it has given to paho. On SIGTERM it stops, and waits up to 20 s for its queue.
"""

import json
import signal
import sys
import threading
import time
from pathlib import Path

from paho.mqtt.client import Client, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion

PADDING = "." * 260
"""So that a message is about as large as one of the agent's."""
WAIT_S = 20.0


def main() -> None:
    """Publish until told to stop."""
    host, port, name, per_s, file, *password = sys.argv[1:]
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    client = Client(CallbackAPIVersion.VERSION2, client_id=name)
    if password:
        client.username_pw_set(name, password[0])
    client.connect_async(host, int(port), keepalive=10)
    client.loop_start()
    last = _publish(client, name, float(per_s), Path(file), stop)
    end_s = time.monotonic() + WAIT_S
    while last is not None and not last.is_published() and time.monotonic() < end_s:
        time.sleep(0.1)
    client.disconnect()
    client.loop_stop()


def _publish(
    client: Client, name: str, per_s: float, file: Path, stop: threading.Event
) -> MQTTMessageInfo | None:
    """Publish and count; begin after what an earlier life of it counted."""
    count = int(file.read_text()) if file.exists() else 0
    last = None
    while not stop.wait(1 / per_s):
        payload = json.dumps({"n": count, "t": time.time_ns() // 1_000_000, "pad": PADDING})
        last = client.publish(f"peer/{name}", payload, qos=1)
        count += 1
        file.write_text(str(count))
    return last


if __name__ == "__main__":
    main()
