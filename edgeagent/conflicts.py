"""What is wrong between settings that are each right: a name taken twice, a crossed polygon."""

import ipaddress
import re
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from edgeagent.brokers.faults import Fault, broker_faults
from edgeagent.config import (
    ActionConfig,
    CameraConfig,
    Config,
    LineConfig,
    PageConfig,
    ZoneConfig,
)
from edgeagent.manifest import did_you_mean
from edgeagent.polygon import touches_itself

CELLS_PX = (0, 4, 8, 16)
SOURCES_WITH_ADDRESS = ("video", "images")
ENTITIES_MAX = 100
"""In Home Assistant: with names of common length they fit into one message."""
ENTITIES_A_CAMERA = 7
"""Besides those of labels and zones."""
MIN_DEADLINE_S = 0.1
"""A model the Edge TPU takes at all takes less than this on it."""


def conflicts(config: Config) -> Iterator[Fault]:
    """Yield what is wrong in ``config``, whose settings are each within their bounds."""
    if config.motion.cell_px not in CELLS_PX:
        yield "motion.cell_px", f"{config.motion.cell_px} is none of 0, 4, 8 and 16 px"
    if 0 < config.model.deadline_s < MIN_DEADLINE_S:
        what = f"{config.model.deadline_s:g} s would end every call"
        yield "model.deadline_s", f"{what}; 0, or at least {MIN_DEADLINE_S:g}"
    yield from _mqtt_faults(config)
    yield from _page_faults(config.page)
    for number, action in enumerate(config.action):
        path, before = f"action[{number}].", config.action[:number]
        yield from _action_faults(action, before, path)
        yield from _unknown_places(action, config.camera, path)
    yield from _home_faults(config)
    names = [camera.name for camera in config.camera]
    for number, camera in enumerate(config.camera):
        yield from _one_camera_faults(camera, f"camera[{number}].")
        if camera.name in names[:number]:
            yield f"camera[{number}].name", f"{camera.name!r} is taken by another camera"
        if camera.source == "picamera":
            yield from _pi_faults(camera, config.camera[:number], f"camera[{number}].")
        yield from _zone_faults(camera.zone, f"camera[{number}].zone")
        yield from _line_faults(camera.line, f"camera[{number}].line")


def _pi_faults(camera: CameraConfig, before: Sequence[CameraConfig], path: str) -> Iterator[Fault]:
    number = camera.address or "0"
    if not re.fullmatch(r"\d", number):
        yield f"{path}address", f"{number!r} is not the number of a Pi camera, 0 to 9"
    if number in (other.address or "0" for other in before if other.source == "picamera"):
        yield f"{path}address", f"Pi camera {number} is taken by another [[camera]]"
    frame_us = 1e6 / camera.fps
    if camera.exposure_us > frame_us:
        what = f"{camera.exposure_us} us is longer than a frame at fps = {camera.fps:g}"
        yield f"{path}exposure_us", f"{what}, {frame_us:.0f} us; lower one of them"


def _zone_faults(zones: Sequence[ZoneConfig], path: str) -> Iterator[Fault]:
    yield from _name_faults([zone.name for zone in zones], path)
    for number, zone in enumerate(zones):
        at = f"{path}[{number}]"
        if not zone.polygon:
            yield f"{at}.polygon", f"zone {zone.name!r} has no polygon; give 3 or more corners"
        elif touches_itself(zone.polygon):
            yield f"{at}.polygon", "crosses or touches itself; give each corner once, in order"
        if zone.min_size > zone.max_size:
            yield f"{at}.min_size", f"{zone.min_size:g} is more than max_size, {zone.max_size:g}"


def _line_faults(lines: Sequence[LineConfig], path: str) -> Iterator[Fault]:
    yield from _name_faults([line.name for line in lines], path)
    for number, line in enumerate(lines):
        if line.start == line.end:
            yield (
                f"{path}[{number}].to",
                f"line {line.name!r} has no length; from and to must differ",
            )


def _name_faults(names: Sequence[str], path: str) -> Iterator[Fault]:
    for number, name in enumerate(names):
        if name in names[:number]:
            yield f"{path}[{number}].name", f"{name!r} is taken by another of this camera's"


def _mqtt_faults(config: Config) -> Iterator[Fault]:
    mqtt = config.mqtt
    if bool(mqtt.cert_file) != bool(mqtt.key_file):
        yield "mqtt.key_file", "a client certificate needs both cert_file and key_file"
    if mqtt.alpn and not mqtt.tls:
        yield "mqtt.alpn", "is part of the TLS handshake; it needs tls = true"
    if mqtt.encoding == "cloudevents-binary" and mqtt.protocol != "5":
        what = f"{mqtt.encoding!r} needs MQTT 5's user properties, and protocol is {mqtt.protocol}"
        yield "mqtt.encoding", f"{what}; 'cloudevents' says the same without them"
    if unknown := set(re.findall(r"{(.*?)}", mqtt.client_id)) - {"device"}:
        yield "mqtt.client_id", f"{{{unknown.pop()}}} is not {{device}}"
    if unknown := set(re.findall(r"{(.*?)}", mqtt.prefix)) - {"site", "device"}:
        yield "mqtt.prefix", f"{{{unknown.pop()}}} is neither {{site}} nor {{device}}"
    else:
        yield from broker_faults(config)


def _home_faults(config: Config) -> Iterator[Fault]:
    home = config.homeassistant
    if not home.enabled:
        return
    if config.mqtt.encoding != "json":
        what = f"Home Assistant reads no {config.mqtt.encoding}, which mqtt.encoding asks for"
        yield "homeassistant.enabled", f'{what}; encoding = "json", or enabled = false'
    places = sum(2 + sum(zone.kind == "count" for zone in one.zone) for one in config.camera)
    count = ENTITIES_A_CAMERA * len(config.camera) + places * len(home.labels)
    if count > ENTITIES_MAX:
        what = f"{len(home.labels)} labels for each camera and zone make some {count} entities"
        yield "homeassistant.labels", f"{what}; at most {ENTITIES_MAX}: name fewer"


def _page_faults(page: PageConfig) -> Iterator[Fault]:
    if bool(page.cert_file) != bool(page.key_file):
        yield "page.key_file", "a certificate needs both cert_file and key_file"
    try:
        beyond = not ipaddress.ip_address(page.address).is_loopback
    except ValueError:
        yield "page.address", f"{page.address!r} is not an IP address, such as 127.0.0.1 or 0.0.0.0"
        return
    if page.enabled and beyond and not (page.cert_file or page.insecure):
        what = f"{page.address} is beyond this device, and the page has no certificate"
        cure = "give cert_file and key_file, or say insecure = true, or use 127.0.0.1"
        yield "page.address", f"{what}; {cure}"


def _unreadable(address: str) -> str:
    """Return what is wrong with the address of a stream, "" where it can be taken apart."""
    try:
        _ = urlsplit(address).port if "://" in address else None
    except ValueError as error:
        return f"{address!r} is no address ({error}); write it as rtsp://USER@HOST:PORT/PATH"
    return ""


def _one_camera_faults(camera: CameraConfig, path: str) -> Iterator[Fault]:
    if camera.source in SOURCES_WITH_ADDRESS and not camera.address:
        yield f"{path}address", f"a camera of kind {camera.source!r} needs an address"
    for key in ("address", "detail"):
        if what := _unreadable(getattr(camera, key)):
            yield path + key, what
        if re.match(r"\w+://[^/@]*:[^/@]*@", getattr(camera, key)):
            yield path + key, "holds a password; put it into a file and name it in password_file"
    if camera.detail and not ("://" in camera.detail and camera.source == "video"):
        yield f"{path}detail", 'must be an rtsp:// address, and source "video"'


def _action_faults(
    action: ActionConfig, before: Sequence[ActionConfig], path: str
) -> Iterator[Fault]:
    if action.name in (other.name for other in before):
        yield f"{path}name", f"{action.name!r} is taken by another [[action]]"
    if bool(action.argv) == (action.gpio >= 0):
        key = "argv" if action.argv else "gpio"
        yield path + key, "an action is either a program (argv) or a pin (gpio); give one of them"
    elif action.argv and not action.argv[0].startswith("/"):
        yield (
            f"{path}argv",
            f"{action.argv[0]!r} must be a program's whole path, such as /usr/bin/aplay",
        )
    taken = [other.name for other in before if other.gpio == action.gpio >= 0]
    if taken:
        what = f"GPIO {action.gpio} is taken by action {taken[0]!r}"
        yield f"{path}gpio", f"{what}; one action may name several kinds, labels and cameras"
    for kind, named in (("zone", action.zones), ("cross", action.lines)):
        if named and kind not in action.kinds:
            key = "zones" if kind == "zone" else "lines"
            yield f"{path}{key}", f'stand in events of kind "{kind}" alone; add it to kinds'


def _unknown_places(
    action: ActionConfig, cameras: Sequence[CameraConfig], path: str
) -> Iterator[Fault]:
    there = {
        "cameras": [camera.name for camera in cameras],
        "zones": [zone.name for camera in cameras for zone in camera.zone],
        "lines": [line.name for camera in cameras for line in camera.line],
    }
    for key, known in there.items():
        for name in getattr(action, key):
            if name not in known:
                yield path + key, f"there is no {key[:-1]} {name!r}{did_you_mean(name, known)}"
