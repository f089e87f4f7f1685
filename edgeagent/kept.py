"""What the broker is to keep for whoever comes later: the latest word on each topic."""

import logging
import threading

REFUSED = 128
"""Lowest reason code that says no (MQTT 5.0, 2.4)."""

_log = logging.getLogger(__name__)


class Kept:
    """Whole topics and payloads; outlives connections. Any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._words: dict[str, bytes] = {}
        self._refused: set[str] = set()

    def put(self, topic: str, payload: bytes) -> None:
        """Take in what is to be kept from now on; empty: nothing is, and what was goes."""
        with self._lock:
            self._words[topic] = payload

    def get(self, topic: str) -> bytes | None:
        """Return what is to be kept under ``topic``; None: nobody says."""
        return self._words.get(topic)

    def all(self) -> dict[str, bytes]:
        """Return everything, and empty what the broker has not let go of yet."""
        with self._lock:
            return dict(self._words)

    def answered(self, topic: str, payload: bytes, code: int) -> None:
        """Take in what the broker said to ``payload``: what it let go of is forgotten."""
        with self._lock:
            if code < REFUSED and not payload and self._words.get(topic) == b"":
                del self._words[topic]
            is_news = code >= REFUSED and topic not in self._refused
            if is_news:
                self._refused.add(topic)
        if is_news:
            why = f"the broker does not take {topic} from us (reason code {code})"
            _log.warning("%s; mend its ACL", why)
