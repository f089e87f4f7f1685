"""What one device's certificate lets it do at the broker, tried out: prints one JSON object.

    python -m tests.fleet.rights HOST PORT FOLDER DEVICE OTHER OPERATOR

In the result, `may` and `may not` must both be true throughout.
"""

import json
import ssl
import sys
import time
from pathlib import Path

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from tests.fleet.counting import client
from tests.fleet.host import until

HOME = "homeassistant/device/lab"
TAKEN = (0, 16)
"""Success, with somebody who hears it or with nobody (MQTT 5.0, section 3.4.2.1)."""
LISTEN_S = 4.0
"""Long enough for a device that speaks every two seconds."""
PATIENCE_S = 60.0
"""What is not over by then, on however busy a machine, does not come."""


class Probe:
    """One client and what it was told."""

    def __init__(self, host: str, port: int, folder: Path, name: str) -> None:
        self.mqtt, properties = client(folder, name, f"rights-{name}")
        self.heard: list[str] = []
        self.codes: dict[int, int] = {}
        self._ready: set[int] = set()
        self.mqtt.on_message = lambda _m, _d, message: self.heard.append(message.topic)
        self.mqtt.on_publish = lambda _m, _d, mid, code, _p: self.codes.update({mid: code.value})
        self.mqtt.on_subscribe = lambda _m, _d, mid, *_: self._ready.add(mid)
        self.mqtt.connect(host, port, properties=properties)
        self.mqtt.loop_start()
        until(self.mqtt.is_connected, PATIENCE_S)

    def code(self, topic: str) -> int | None:
        """Publish to ``topic``; return the broker's reason code, 0x87 for a refusal."""
        mid = self.mqtt.publish(topic, b"x", qos=1).mid
        until(lambda: mid in self.codes, PATIENCE_S)
        return self.codes.get(mid)

    def listen(self, topic: str) -> None:
        """Subscribe, and wait until the broker took it."""
        _, mid = self.mqtt.subscribe(topic, qos=1)
        until(lambda: mid in self._ready, PATIENCE_S)


def is_taken(host: str, port: int, folder: Path) -> bool:
    """Return whether the broker lets in a client without a certificate."""
    mqtt = Client(CallbackAPIVersion.VERSION2)
    context = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    mqtt.tls_set_context(context)
    try:
        mqtt.connect(host, port)
        mqtt.loop_start()
        return until(mqtt.is_connected, 3)
    except OSError:
        return False
    finally:
        mqtt.loop_stop()


def main(host: str, port: int, folder: Path, names: tuple[str, str, str]) -> dict[str, object]:
    """Try everything out."""
    device, other, operator = names
    me, boss = f"edge/v1/lab/{device}", f"edge/v1/lab/{other}"
    probe = Probe(host, port, folder, device)
    chief = Probe(host, port, folder, operator)
    for topic in (f"{boss}/#", "edge/v1/+/+/evt/+", f"{me}/cmd/+", f"{me}/cfg/desired"):
        probe.listen(topic)
    chief.code(f"{me}/cmd/look")
    chief.code(f"{boss}/cmd/look")
    chief.code(f"{me}/cfg/desired")
    time.sleep(LISTEN_S)
    refused = 0x87
    return {
        "may": {
            "write its own answers": probe.code(f"{me}/res/rights") == 0,
            "tell Home Assistant what it is": probe.code(f"{HOME}/{device}/config") in TAKEN,
            "say how a camera stands": probe.code(f"{me}/state/rights") == 0,
            "read its own commands": f"{me}/cmd/look" in probe.heard,
            "read what is desired of it": f"{me}/cfg/desired" in probe.heard,
        },
        "may not": {
            "write another's events": probe.code(f"{boss}/evt/rights") == refused,
            "write another's status": probe.code(f"{boss}/status") == refused,
            "tell Home Assistant what another is": probe.code(f"{HOME}/{other}/config") == refused,
            "write what is desired of it": probe.code(f"{me}/cfg/desired") == refused,
            "command itself": probe.code(f"{me}/cmd/look") == refused,
            "read another's topics": not [t for t in probe.heard if t.startswith(f"{boss}/")],
            "read its own events": f"{me}/evt/clip" not in probe.heard,
            "come without a certificate": not is_taken(host, port, folder),
        },
    }


if __name__ == "__main__":
    host, port, folder, *names = sys.argv[1:]
    device, other, operator = names
    print(json.dumps(main(host, int(port), Path(folder), (device, other, operator))))
