"""What kinds of broker want of a client: which settings follow from it, and which go against it."""

from collections.abc import Mapping
from typing import Any

import msgspec

from edgeagent.brokers.known import ANY, PROFILES, Profile
from edgeagent.config import Config, MqttConfig

__all__ = ["PROFILES", "Profile", "filled", "personal", "profile_of"]


def profile_of(mqtt: MqttConfig) -> Profile:
    """Return what is known of the broker that the settings name."""
    return PROFILES[mqtt.profile]


def filled(mqtt: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ``[mqtt]`` table with what its profile wants wherever it says nothing itself."""
    profile = PROFILES[mqtt.get("profile", ANY)]
    wanted = dict(profile.defaults)
    if port := _port(profile, mqtt):
        wanted["port"] = port
    if alpn := _alpn(profile, {**wanted, **mqtt}):
        wanted["alpn"] = alpn
    return {**wanted, **mqtt}


def _port(profile: Profile, mqtt: Mapping[str, Any]) -> int:
    if mqtt.get("websocket"):
        return profile.websocket_port
    has_password = bool(mqtt.get("password_file")) and not mqtt.get("cert_file")
    return profile.alpn_port if profile.alpn_password and has_password else profile.port


def _alpn(profile: Profile, mqtt: Mapping[str, Any]) -> str:
    if mqtt.get("port") != profile.alpn_port or mqtt.get("websocket"):
        return ""
    return profile.alpn_certificate if mqtt.get("cert_file") else profile.alpn_password


def personal(config: Config) -> MqttConfig:
    """Return the ``[mqtt]`` table with this device's names filled in; an empty client id stays."""
    mqtt, device = config.mqtt, config.device_name
    return msgspec.structs.replace(
        mqtt,
        prefix=mqtt.prefix.format(site=config.site, device=device),
        client_id=mqtt.client_id.replace("{device}", device),
        username=mqtt.username.replace("{device}", device),
    )
