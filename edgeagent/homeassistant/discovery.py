"""What this device is, in one message of Home Assistant's MQTT device discovery."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from edgeagent import __version__
from edgeagent.brokers import personal
from edgeagent.config import CameraConfig, Config
from edgeagent.homeassistant.entities import Entity, availability, of_camera, of_device, plain
from edgeagent.wire.bounds import PAYLOAD_MAX_BYTES

STUB_TOPICS = {"button": "cmd_t"}
"""By which key a platform wants a topic, where it is not ``stat_t``."""


def config_topic(config: Config) -> str:
    """Return where it is published: two sites may each have a device of the same name."""
    device = plain(config.device_name)
    return f"{config.homeassistant.prefix}/device/{config.site}/{device}/config"


def state_topic(config: Config, camera: str) -> str:
    """Return where the broker keeps how ``camera`` stands."""
    return f"{personal(config).prefix}/state/{camera}"


def components(config: Config, cameras: Sequence[CameraConfig]) -> dict[str, Entity]:
    """Return every entity, by a name that is its own within the device."""
    prefix = personal(config).prefix
    told = dict(of_device(config, prefix))
    for camera in cameras:
        told |= dict(of_camera(config, camera, prefix))
    return {name: {**entity, "uniq_id": _unique(config, name)} for name, entity in told.items()}


def _unique(config: Config, name: str) -> str:
    return f"edgeagent.{config.site}.{config.device_name}.{name}"


def discovery(
    config: Config, cameras: Sequence[CameraConfig], board: str, gone: Mapping[str, str]
) -> dict[str, Any]:
    """Return the whole message.

    Args:
        config: the settings.
        cameras: those that there are; the settings may name others until the next start.
        board: what the device is.
        gone: entities that were, name to platform: Home Assistant lets go of them.
    """
    told = components(config, cameras)
    without = {name: {"p": platform} for name, platform in gone.items() if name not in told}
    device = {
        "ids": [f"edgeagent.{config.site}.{config.device_name}"],
        "name": config.device_name,
        "mf": "edgeagent",
        "mdl": board,
        "sw": __version__,
    }
    if url := page_url(config):
        device["cu"] = url
    return {
        "dev": device,
        "o": {"name": "edgeagent", "sw": __version__},
        "avty": availability(personal(config).prefix),
        "cmps": told | without,
    }


def encoded(message: Mapping[str, Any]) -> bytes:
    """Return ``message`` as it is published; the same settings make the same bytes.

    Raises:
        ValueError: it is more than a broker is asked to keep.
    """
    payload = msgspec.json.encode(message)
    if len(payload) > PAYLOAD_MAX_BYTES:
        size = f"{len(message['cmps'])} entities make {len(payload):,} bytes"
        cure = "name fewer homeassistant.labels, or shorter zones and cameras"
        raise ValueError(f"{size}, a broker is asked for {PAYLOAD_MAX_BYTES:,} at most; {cure}")
    return payload


def stubs(config: Config, gone: Mapping[str, str]) -> dict[str, Entity]:
    """Return entities that were, as something Home Assistant finds in its registry again.

    One that did not run when they went remembers them for ever: it must see them once more to be
    told that they are gone.
    """
    topic = f"{personal(config).prefix}/status"
    made = {}
    for name, platform in gone.items():
        stub = {"p": platform, "uniq_id": _unique(config, name), "name": name}
        stub[STUB_TOPICS.get(platform, "stat_t")] = topic
        made[name] = {**stub, **({"evt_typ": ["came"]} if platform == "event" else {})}
    return made


def platforms(told: Mapping[str, Entity]) -> dict[str, str]:
    """Return the platform of each entity."""
    return {name: entity["p"] for name, entity in told.items()}


def page_url(config: Config) -> str:
    """Return where a browser elsewhere finds the device's page; "" where it does not."""
    page = config.page
    if not page.enabled or page.address.startswith("127.") or page.address == "::1":
        return ""
    known = _first(page.hosts) or ("" if page.address in ("0.0.0.0", "::") else page.address)  # noqa: S104
    if not known:
        return ""
    host = f"[{known}]" if ":" in known else known
    return f"{'https' if page.cert_file else 'http'}://{host}:{page.port}/"


def _first(names: Iterable[str]) -> str:
    return next(iter(names), "")
