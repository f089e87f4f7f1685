"""Debian's mosquitto, to be stopped, killed and given other settings; and the one who counts."""

import getpass
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

PROGRAM = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")
PORT = 11883
EAR = "ear"
SESSION_S = 3600

KEPT = "persistence true\nautosave_on_changes true\nautosave_interval 1\n"
"""What it has acknowledged is on disk within a second (facts of 2.0.11: without the two
``autosave`` settings it is gone with a kill)."""
FORGOTTEN = "persistence false\n"
ROOMY = "max_queued_messages 0\n"
"""For the counting subscriber's queue. Not where messages are denied: mosquitto 2.0.11 then hangs
up on the first denied PUBLISH."""
OPEN = "allow_anonymous true\n"


def until(holds: Callable[[], object], within_s: float) -> bool:
    """Wait for ``holds``; return whether it came to."""
    end_s = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > end_s:
            return False
        time.sleep(0.02)
    return True


class Broker:
    """One mosquitto on 127.0.0.1."""

    def __init__(self, folder: Path, settings: str, port: int = PORT) -> None:
        self.folder, self.settings, self.port = folder, settings, port
        folder.mkdir()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start with ``settings`` as they are now."""
        assert PROGRAM is not None
        file = self.folder / "mosquitto.conf"
        begin = f"user {getpass.getuser()}\npersistence_location {self.folder}/\n"
        file.write_text(f"{begin}listener {self.port} 127.0.0.1\n{self.settings}")
        with (self.folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen(
                [PROGRAM, "-c", str(file)], stdout=log, stderr=subprocess.STDOUT
            )

    def end(self, how: int = signal.SIGTERM) -> None:
        """Stop or kill it."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(10)
            self._process = None

    def reread(self) -> None:
        """Have it read passwords and permissions again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def permit(self, user: str, rules: str) -> None:
        """Write the permissions of ``user``, and all of them to the ear."""
        acl = self.folder / "acl"
        acl.write_text(f"user {EAR}\ntopic readwrite #\nuser {user}\n{rules}\n")
        acl.chmod(0o644)

    def set_passwords(self, users: dict[str, str]) -> None:
        """Write the passwords of all users."""
        file = self.folder / "passwords"
        file.unlink(missing_ok=True)
        file.touch(0o644)
        for user, password in users.items():
            subprocess.run(["mosquitto_passwd", "-b", str(file), user, password], check=True)


class Heard(NamedTuple):
    """One message as the ear got it."""

    topic: str
    payload: bytes
    heard_s: float


class Ear:
    """Counts all that the broker hands out; its session outlives the connection."""

    def __init__(self, port: int = PORT, password: str = "ear") -> None:
        self.heard: list[Heard] = []
        self._subscribed = threading.Event()
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id=EAR, protocol=MQTTProtocolVersion.MQTTv5
        )
        self._client.username_pw_set(EAR, password)
        self._client.reconnect_delay_set(1, 1)
        self._client.max_inflight_messages_set(1000)
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_disconnect = lambda *_: self._subscribed.clear()
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._hear
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = SESSION_S
        self._client.connect_async("127.0.0.1", port, clean_start=False, properties=properties)
        self._client.loop_start()

    def wait(self) -> None:
        """Return when it listens."""
        assert self._subscribed.wait(20), "the counting subscriber did not get through"

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def _hear(self, client: Client, data: object, message: MQTTMessage) -> None:
        # What is retained comes again with each subscription, and is no news.
        if not message.retain:
            self.heard.append(Heard(message.topic, bytes(message.payload), time.monotonic()))
