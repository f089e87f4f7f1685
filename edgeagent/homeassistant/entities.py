"""What Home Assistant is told of a camera, a zone and the device: entities, and how to read them.

Keys are the abbreviations of its MQTT discovery, and templates its Jinja; both as Home Assistant
2026.11 takes them (its own code, `components/mqtt`; `scripts/proof-homeassistant` runs it).
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from edgeagent.config import CameraConfig, Config, ZoneConfig
from edgeagent.homeassistant.standing import STATES, WATCHED

Entity = dict[str, Any]
"""One component; ``p`` is its platform."""

_ONLINE = "{{ 'online' if value_json.s == 'online' else 'offline' }}"
_WATCHED = f"{{{{ 'online' if value_json.s == '{WATCHED}' else 'offline' }}}}"
_EVENT = (
    "{%- set words = {'object': ['came', 'went'], 'label': ['came', 'went'],"
    " 'zone': ['entered', 'left'], 'cross': ['crossed_in', 'crossed_out']} -%}"
    "{%- set seen = namespace(ins=[], outs=[]) -%}"
    "{%- if value_json.k in words and not value_json.hist | default(false) -%}"
    "{%- for track in value_json.trk -%}"
    "{%- set name = [value_json.cls[loop.index0][0]] -%}"
    "{%- if track[1] == 'in' -%}{%- set seen.ins = seen.ins + name -%}"
    "{%- elif track[1] == 'out' -%}{%- set seen.outs = seen.outs + name -%}{%- endif -%}"
    "{%- endfor -%}{%- endif -%}"
    "{%- if seen.ins or seen.outs -%}"
    "{{ {'event_type': words[value_json.k][0 if seen.ins else 1],"
    " 'labels': seen.ins or seen.outs, 'others_went': seen.outs if seen.ins else [],"
    " 'zone': value_json.zone | default(''), 'line': value_json.line | default(''),"
    " 'ts': value_json.ts} | tojson }}"
    "{%- endif -%}"
)
"""Of a message on ``evt/``: who came or went. What is old, or only goes on, is no event."""
_ORDER = (
    "{%% set ms = (now().timestamp() * 1000) | int %%}"
    '{"id": "ha-{{ ms }}-{{ range(10000, 99999) | random }}", "exp": {{ ms + 60000 }}%s}'
)
"""An order: an id of its own for each press, and a minute to be done in."""
ORDERS = {"pause": "mdi:pause", "resume": "mdi:play", "look": "mdi:eye"}
"""Orders to one camera, and the icons of their buttons."""


def availability(prefix: str, camera: str = "") -> list[Entity]:
    """Return when entities of the device, or of ``camera``, say anything at all.

    Args:
        prefix: of our topics; or ``~``, for which the entity says what it stands for.
        camera: its name.
    """
    told = [{"t": f"{prefix}/status", "val_tpl": _ONLINE}]
    if camera:
        told.append({"t": f"{prefix}/state/{camera}", "val_tpl": _WATCHED})
    return told


def labels_of(config: Config) -> list[str]:
    """Return the labels that have entities of their own."""
    if not config.model.name:
        return []
    only = config.events.labels
    named = dict.fromkeys(config.homeassistant.labels)
    return [label for label in named if not only or label in only]


def of_camera(config: Config, camera: CameraConfig, prefix: str) -> Iterator[tuple[str, Entity]]:
    """Yield what there is of one camera, each under a name that is its own within the device."""
    told: Entity = {"~": prefix, "stat_t": f"~/state/{camera.name}"}
    sees = {**told, "avty": availability("~", camera.name), "avty_mode": "all"}
    for name, entity in _seen(config, camera):
        more = {"json_attr_t": told["stat_t"]} if "json_attr_tpl" in entity else {}
        named = {"name": f"{camera.name} {entity['name']}"}
        yield f"{camera.name}.{name}", {**entity, **sees, **more, **named}
    state: Entity = {
        "p": "sensor",
        "name": f"{camera.name} state",
        "dev_cla": "enum",
        "ops": list(STATES),
        "val_tpl": "{{ value_json.s }}",
        "ent_cat": "diagnostic",
    }
    yield f"{camera.name}.state", {**state, **told}
    if config.model.name:
        yield f"{camera.name}.event", {**_event(camera), **sees, "stat_t": f"~/evt/{camera.name}"}
    yield from _buttons(config, camera, prefix)


def _seen(config: Config, camera: CameraConfig) -> Iterator[tuple[str, Entity]]:
    moving = "{{ 'ON' if value_json.mov else 'OFF' }}"
    yield "motion", {"p": "binary_sensor", "name": "motion", "dev_cla": "motion", "val_tpl": moving}
    labels = labels_of(config)
    for label in labels:
        key, n = plain(label), f"value_json.n[{json.dumps(label)}] | default(0)"
        yield key, _presence(label, n)
        yield f"{key}.count", _count(label, n)
    for zone in camera.zone:
        for label in _labels_in(zone, labels):
            within = f"((value_json.zn | default({{}}))[{json.dumps(zone.name)}] | default({{}}))"
            n = f"{within}[{json.dumps(label)}] | default(0)"
            yield f"zone.{zone.name}.{plain(label)}", _presence(f"{zone.name} {label}", n)
    if config.model.name:
        yield "last", _last()


def _labels_in(zone: ZoneConfig, labels: Sequence[str]) -> list[str]:
    if zone.kind != "count":
        return []
    return [label for label in labels if not zone.labels or label in zone.labels]


def _presence(name: str, n: str) -> Entity:
    template = f"{{{{ 'ON' if {n} else 'OFF' }}}}"
    return {"p": "binary_sensor", "name": name, "dev_cla": "occupancy", "val_tpl": template}


def _count(label: str, n: str) -> Entity:
    template = f"{{{{ {n} }}}}"
    name = f"{label} count"
    return {"p": "sensor", "name": name, "stat_cla": "measurement", "val_tpl": template}


def _last() -> Entity:
    return {
        "p": "sensor",
        "name": "last seen",
        "ic": "mdi:tag-outline",
        "val_tpl": "{{ (value_json.last | default([none, none]))[0] }}",
        "json_attr_tpl": "{{ {'score': (value_json.last | default([none, none]))[1]} | tojson }}",
    }


def _event(camera: CameraConfig) -> Entity:
    types = ["came", "went"]
    types += ["entered", "left"] if any(zone.kind == "count" for zone in camera.zone) else []
    types += ["crossed_in", "crossed_out"] if camera.line else []
    return {"p": "event", "name": f"{camera.name} event", "evt_typ": types, "val_tpl": _EVENT}


def _buttons(config: Config, camera: CameraConfig, prefix: str) -> Iterator[tuple[str, Entity]]:
    for order, icon in ORDERS.items():
        if order in config.commands.allow:
            which = f', "camera": {json.dumps(camera.name)}'
            button = _button(prefix, order, which) | {"ic": icon}
            yield f"{camera.name}.{order}", {**button, "name": f"{camera.name} {order}"}


def _button(prefix: str, order: str, more: str = "") -> Entity:
    return {
        "p": "button",
        "name": order,
        "cmd_t": f"{prefix}/cmd/{order}",
        "cmd_tpl": _ORDER % more,
        "qos": 1,
        "ent_cat": "config",
    }


def of_device(config: Config, prefix: str) -> Iterator[tuple[str, Entity]]:
    """Yield what there is of the device itself."""
    if config.health.stat_s:
        for name, entity in _figures().items():
            yield name, {**entity, "stat_t": f"{prefix}/stat", "ent_cat": "diagnostic"}
    yield (
        "engines",
        {
            "p": "sensor",
            "name": "runs on",
            "ic": "mdi:chip",
            "stat_t": f"{prefix}/info",
            "val_tpl": "{{ value_json.engines | default(['nothing'], true) | join(', ') }}",
            "ent_cat": "diagnostic",
        },
    )
    if "restart" in config.commands.allow:
        yield "restart", {**_button(prefix, "restart"), "dev_cla": "restart"}


def _figures() -> dict[str, Entity]:
    """Return what ``stat`` tells; what this board has not is unknown, not zero."""
    return {
        "problem": {
            "p": "binary_sensor",
            "name": "problem",
            "dev_cla": "problem",
            "val_tpl": "{{ 'OFF' if value_json.s == 'ok' else 'ON' }}",
        },
        "cause": {
            "p": "sensor",
            "name": "cause",
            "ic": "mdi:stethoscope",
            "val_tpl": "{% for part, why in value_json.f.items() %}{% if loop.first %}"
            "{{ (part ~ ': ' ~ why)[:250] }}{% endif %}{% else %}none{% endfor %}",
        },
        "temperature": {
            "p": "sensor",
            "name": "temperature",
            "dev_cla": "temperature",
            "unit_of_meas": "°C",
            "stat_cla": "measurement",
            "val_tpl": "{{ value_json.g.soc_c | default(none) }}",
        },
        "outbox": {
            "p": "sensor",
            "name": "events waiting",
            "ic": "mdi:tray-full",
            "stat_cla": "measurement",
            "val_tpl": "{{ value_json.g.outbox_depth | default(none) }}",
        },
    }


def plain(text: str) -> str:
    """Return ``text`` in the letters that an identifier takes."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", text)
