"""Which settings go against what the named broker wants, each with its cure."""

import ipaddress
from collections.abc import Iterator

from edgeagent.brokers import Profile, personal, profile_of
from edgeagent.brokers.known import ANY
from edgeagent.config import Config, MqttConfig

OWN_SLASHES = 3
"""What our topics add to the prefix at most: ``/cfg/desired`` and one more to come."""
WELL_KNOWN = frozenset({80, 443, 1883, 8083, 8084, 8883, 8884})
"""Ports at which some broker listens; others are an owner's own way there."""
COMMAND = 32
"""Longest name of an order, in ``res/NAME``."""

Fault = tuple[str, str]
"""The path of a setting, and what is wrong with it."""


def broker_faults(config: Config) -> Iterator[Fault]:
    """Yield what the broker of the profile will not have; ``mqtt.prefix`` can be filled in."""
    mqtt, profile = config.mqtt, profile_of(config.mqtt)
    yield from _topic_faults(config, profile)
    yield from _transport_faults(mqtt, profile)
    yield from _login_faults(mqtt, profile)
    yield from _limit_faults(mqtt, profile)


def _topic_faults(config: Config, profile: Profile) -> Iterator[Fault]:
    prefix = config.mqtt.prefix
    most = profile.max_slashes - OWN_SLASHES
    if prefix.count("/") > most:
        takes = f"{profile.title} takes {profile.max_slashes} in a topic, {OWN_SLASHES} are ours"
        why = "" if config.mqtt.profile == ANY else f"; {takes}"
        yield "mqtt.prefix", f"{prefix!r} has more than {most} slashes{why}"
    names = [len(f"evt/{camera.name}") for camera in config.camera]
    longest = len(personal(config).prefix) + 1 + max([*names, len("res/") + COMMAND])
    if longest > profile.max_topic_bytes:
        takes = f"{profile.title} takes {profile.max_topic_bytes} bytes"
        yield "mqtt.prefix", f"makes topics of {longest} bytes; {takes}; shorten it"


def _transport_faults(mqtt: MqttConfig, profile: Profile) -> Iterator[Fault]:
    if profile.only_tls and not mqtt.tls:
        yield "mqtt.tls", f"{profile.title} takes nothing unencrypted; leave tls out"
    listens = {profile.port, profile.websocket_port, *profile.other_ports} - {0}
    if listens and mqtt.port in WELL_KNOWN - listens:
        yield "mqtt.port", f"{profile.title} listens on {_either(sorted(listens))}; leave port out"
    if profile.by_name and _is_address(mqtt.host):
        why = "knows which broker is meant by the name in the TLS handshake"
        yield "mqtt.host", f"{mqtt.host} is an address; {profile.title} {why}: give its name"
    if mqtt.port == profile.alpn_port and not mqtt.websocket:
        yield from _alpn_faults(mqtt, profile)


def _alpn_faults(mqtt: MqttConfig, profile: Profile) -> Iterator[Fault]:
    with_certificate, with_password = profile.alpn_certificate, profile.alpn_password
    wanted = with_certificate if mqtt.cert_file else with_password
    if mqtt.alpn != wanted:
        cases = f"{with_certificate!r} with a certificate and {with_password!r} with a password"
        yield "mqtt.alpn", f"on port {mqtt.port} {profile.title} wants {cases}; leave alpn out"


def _login_faults(mqtt: MqttConfig, profile: Profile) -> Iterator[Fault]:
    has = {
        "certificate": bool(mqtt.cert_file),
        "password": bool(mqtt.username and mqtt.password_file),
    }
    if profile.logins and mqtt.host and not any(has[login] for login in profile.logins):
        cures = {
            "certificate": "cert_file and key_file",
            "password": "username and password_file",
        }
        wanted = " or ".join(cures[login] for login in profile.logins)
        key = "cert_file" if "certificate" in profile.logins else "username"
        yield f"mqtt.{key}", f"{profile.title} lets no stranger in; give {wanted}"


def _limit_faults(mqtt: MqttConfig, profile: Profile) -> Iterator[Fault]:
    least_s, most_s = profile.keepalive_s
    if not least_s <= mqtt.keepalive_s <= most_s:
        keeps = f"{profile.title} keeps to {least_s} to {most_s:,} s"
        yield "mqtt.keepalive_s", f"{mqtt.keepalive_s} s is out of bounds; {keeps}"
    if mqtt.inflight > profile.max_inflight:
        takes = f"{profile.title} takes {profile.max_inflight:,} unacknowledged messages"
        yield "mqtt.inflight", f"{mqtt.inflight} is too many; {takes}"
    if 0 < profile.publish_per_s < mqtt.backlog_per_s:
        takes = f"{profile.title} takes {profile.publish_per_s:g} messages a second from a client"
        yield "mqtt.backlog_per_s", f"{mqtt.backlog_per_s:g} is too fast; {takes}, live ones too"
    if mqtt.retain and mqtt.protocol == "3.1.1" and not profile.retains_311:
        why = "hangs up on retained messages where they are not enabled, and only MQTT 5 asks first"
        yield "mqtt.retain", f"{profile.title} {why}; retain = false, or protocol = '5'"


def _either(ports: list[int]) -> str:
    return " or ".join(map(str, ports))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
