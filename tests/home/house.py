"""Home Assistant as its package is, run until told otherwise; what it shows, its buttons pressed.

Runs in its own Python, not in ours: `proof.py` writes orders to it, a line each, and reads answers.
"""

import asyncio
import json
import logging
import sys
from typing import Any

from homeassistant import bootstrap, runner
from homeassistant.const import __version__
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry, entity_registry

ANSWER = "HOUSE "
"""What the lines begin with that are answers."""
MQTT = "mqtt"
OTHER = {"set_client_cert": False, "set_ca_cert": "off", "transport": "tcp"}


class Complaints(logging.Handler):
    """Keeps what the MQTT integration, or a template, has to complain of."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep ``record``."""
        if MQTT in record.name or "template" in record.name:
            self.said.append(f"{record.name}: {record.getMessage()}")


def shown(hass: HomeAssistant) -> dict[str, Any]:
    """Return every entity of the MQTT integration by its unique id, and every device."""
    (entry,) = hass.config_entries.async_entries(MQTT)
    entities, devices = entity_registry.async_get(hass), device_registry.async_get(hass)
    known = entity_registry.async_entries_for_config_entry(entities, entry.entry_id)
    found = device_registry.async_entries_for_config_entry(devices, entry.entry_id)
    return {
        "entities": {one.unique_id: _entity(hass, one.entity_id) for one in known},
        "devices": [{"name": d.name, "model": d.model, "sw": d.sw_version} for d in found],
    }


def _entity(hass: HomeAssistant, name: str) -> dict[str, Any]:
    state = hass.states.get(name)
    if state is None:
        return {"id": name, "state": None, "attributes": {}}
    attributes = {key: str(value) for key, value in state.attributes.items()}
    return {"id": name, "state": state.state, "attributes": attributes}


async def meet_broker(hass: HomeAssistant, port: int) -> None:
    """Set up the MQTT integration as a person does in a browser, unless it is."""
    if hass.config_entries.async_entries(MQTT):
        return
    told = {"broker": "127.0.0.1", "port": port, "other_settings": OTHER}
    flow = await hass.config_entries.flow.async_init(MQTT, context={"source": "user"})
    flow = await hass.config_entries.flow.async_configure(flow["flow_id"], told)
    if flow["type"] != "create_entry":
        raise SystemExit(f"the MQTT integration was not set up: {flow}")
    await hass.async_block_till_done()


async def live(folder: str, port: int) -> None:
    """Be Home Assistant; answer each line of standard input."""
    complaints = Complaints()
    # Not the root: Home Assistant sets up its own log only where nobody has.
    logging.getLogger("homeassistant").addHandler(complaints)
    hass = await bootstrap.async_setup_hass(runner.RuntimeConfig(config_dir=folder))
    assert hass is not None
    await hass.async_start()
    await meet_broker(hass, port)
    answer({"version": __version__, "recovery": hass.config.recovery_mode})
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        order, _, what = line.strip().partition(" ")
        if order == "press":
            await hass.services.async_call("button", "press", {"entity_id": what}, blocking=True)
        elif order == "stop":
            break
        answer({**shown(hass), "complaints": complaints.said})
    await hass.async_stop()
    answer({})


def answer(told: dict[str, Any]) -> None:
    """Write one answer."""
    print(ANSWER + json.dumps(told), flush=True)


if __name__ == "__main__":
    asyncio.run(live(sys.argv[1], int(sys.argv[2])))
