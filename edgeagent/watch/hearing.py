"""The connection to the broker, made anew whenever it is lost, with a growing wait between."""

import queue
import threading
from collections.abc import Sequence

from edgeagent.config import MqttConfig
from edgeagent.errors import LinkError
from edgeagent.subscriber import Heard, Listener

QUEUE = 20_000
"""Messages that wait for whoever shows them; beyond that the newest go, and are counted."""
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 30.0


class Hearing:
    """Hears everything below some topics, for as long as it is not closed."""

    def __init__(self, config: MqttConfig, client_id: str, topics: Sequence[str]) -> None:
        self._config, self._client_id, self._topics = config, client_id, topics
        self._heard: queue.Queue[Heard] = queue.Queue(QUEUE)
        self._stop = threading.Event()
        self.trouble = "connecting"
        """Why nothing is heard now; "" while all is."""
        self.connections = 0
        """How often it was connected."""
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="hearing", daemon=True)

    def start(self) -> None:
        """Connect, and begin to hear.

        Raises:
            CredentialError: a password, key or certificate will not do.
            LinkError: the broker cannot be reached or refuses; later this is only told.
        """
        listener = self._listener()
        listener.start()
        self._connected(listener)
        self._thread.start()

    def next(self, within_s: float) -> Heard | None:
        """Return the next message; None where none came."""
        try:
            return self._heard.get(timeout=max(within_s, 0.001))
        except queue.Empty:
            return None

    def close(self) -> None:
        """Hang up."""
        self._stop.set()
        self._thread.join(5)

    def _listener(self) -> Listener:
        return Listener(self._config, self._client_id, self._topics, self._hear)

    def _connected(self, listener: Listener) -> None:
        self._now, self.trouble = listener, ""
        self.connections += 1

    def _hear(self, heard: Heard) -> None:
        try:
            self._heard.put_nowait(heard)
        except queue.Full:
            self.dropped += 1

    def _run(self) -> None:
        """Be the thread that sees that the connection stands."""
        wait_s = FIRST_WAIT_S
        while not self._stop.wait(0.2):
            if not self._now.lost:
                wait_s = FIRST_WAIT_S
                continue
            self.trouble = self._now.lost
            self._now.close()
            if self._stop.wait(wait_s):
                break
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)
            self._again()
        self._now.close()

    def _again(self) -> None:
        listener = self._listener()
        try:
            listener.start()
        except LinkError as error:
            listener.close()
            self.trouble = str(error)
            return
        self._connected(listener)
