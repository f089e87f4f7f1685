"""Is another device in under our client id? MQTT 5 has a word for it; many brokers only hang up.

mosquitto 2.0.11, which Debian 12 has, does; and before MQTT 5 all do.
"""

from edgeagent.mqtt.backoff import SOUND_S

TIMES = 3
"""Connections in a row that were cut without a word soon after they were up."""


class Rival:
    """What one link suspects; not shared between threads."""

    def __init__(self, client_id: str) -> None:
        self._client_id, self._times = client_id, 0

    def suspected(self, was_cut: bool, lasted_s: float) -> str:
        """Take note of a connection that ended; return what to say of it, "" nothing.

        Args:
            was_cut: it was up, and ended without a reason.
            lasted_s: from the attempt to its end.
        """
        self._times = self._times + 1 if was_cut and lasted_s < SOUND_S else 0
        if self._times < TIMES:
            return ""
        return (
            f", {self._times} times soon after it was up; has another device the client id "
            f"{self._client_id!r}? Copies of one card have: see mqtt.client_id"
        )
