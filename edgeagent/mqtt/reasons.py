"""What to do about a reason code with which a broker refuses or ends a connection."""

from paho.mqtt.reasoncodes import ReasonCode

UNSUPPORTED_VERSION = 132
"""Reason code 0x84, Unsupported protocol version; paho's, too, for a broker's of before MQTT 5."""
RETAIN_NOT_SUPPORTED = 154
"""Reason code 0x9A: no retained message is taken, neither as a will."""

CURES = {
    133: "see mqtt.client_id, and what ids the broker allows",
    134: "see mqtt.username and the password in its file",
    135: "see the account, certificate and client id, and what the broker's policy allows them",
    142: "another device has our client id",
    144: "see mqtt.prefix, and what topics the broker allows",
    147: "lower mqtt.inflight",
    149: "name the broker in mqtt.profile, or raise its maximum packet size",
    150: "lower mqtt.backlog_per_s, or name the broker in mqtt.profile",
    151: "a quota of the account is used up; see the broker's limits and mqtt.profile",
    155: "without QoS 1 nobody knows what has arrived; raise the broker's maximum QoS",
}
"""By reason code (MQTT 5.0, 2.4)."""


def explained(reason: ReasonCode) -> str:
    """Return the broker's reason in words, with a cure where we know one."""
    cure = CURES.get(reason.value)
    return f"{reason}; {cure}" if cure else str(reason)
