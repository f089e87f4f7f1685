"""What is tried; each step begins and ends with all three up."""

import itertools
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from tests.home.parties import until
from tests.home.street import WITHIN_S, Street, is_right, settings, wait_for

ABOUT_THE_LINE = ("onnect", "Timed out", "No ACK")
"""Complaints of a broker that was killed, in Home Assistant's log."""


def discovered(street: Street) -> str:
    """It shows the device, and each entity that the agent says there is."""
    told = is_right(street)
    argv = [sys.executable, "-m", "edgeagent", "homeassistant", "--config", str(street.agent.file)]
    said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()[1:]
    shown = street.home.ask()
    assert [device["name"] for device in shown["devices"]] == ["porch"], shown["devices"]
    assert len(said) == len(shown["entities"]), (said, list(shown["entities"]))
    return f"{len(said)} entities, {told}"


def happening(street: Street) -> str:
    """What came when the camera was opened again is an event there."""
    until(lambda: street.states()["clip.event"] not in ("unknown", "unavailable"), WITHIN_S)
    attributes = street.entities()["clip.event"]["attributes"]
    assert attributes["labels"] == "['bird']", attributes
    last = street.entities()["clip.last"]
    assert last["state"] == "bird", last
    assert 0.0 < float(last["attributes"]["score"]) <= 1.0, last
    return f"{attributes['event_type']} {attributes['labels']}"


def press(street: Street, name: str) -> None:
    """Press one of its buttons, as soon as it is there."""
    away = ("unavailable", None)
    wait_for(f"button {name}", lambda: street.states().get(name) not in away)
    street.home.ask(f"press {street.entities()[name]['id']}")


def paused(street: Street) -> str:
    """Its buttons close the camera, which shows, and open it again."""
    press(street, "clip.pause")
    wait_for("paused", lambda: street.states()["clip.state"] == "paused")
    shown = street.states()
    assert shown["clip.motion"] == shown["clip.bird"] == "unavailable", shown
    press(street, "clip.resume")
    return "unavailable, then " + is_right(street)


def restarted(street: Street) -> str:
    """Its restart button ends the agent with the status that systemd starts anew."""
    press(street, "restart")
    status = street.agent.ends()
    assert status == 75, status
    wait_for("away", lambda: street.states()["clip.motion"] == "unavailable")
    street.agent.start()
    return "exit status 75, " + is_right(street)


def one_after_another(street: Street) -> Iterator[tuple[str, Callable[[Street], str]]]:
    """Yield each of the three restarted, killed or asked to end, while the others run."""

    def again(name: str, how: str) -> Callable[[Street], str]:
        def step(street: Street) -> str:
            party = getattr(street, name)
            getattr(party, how)()
            time.sleep(3.0)
            party.start()
            return is_right(street)

        return step

    for name, how in itertools.product(("broker", "agent", "home"), ("end", "kill")):
        yield f"{name} {'killed' if how == 'kill' else 'ended'}, started", again(name, how)


def from_nothing() -> Iterator[tuple[str, Callable[[Street], str]]]:
    """Yield all down, and started in each order."""

    def anew(order: tuple[str, ...]) -> Callable[[Street], str]:
        def step(street: Street) -> str:
            street.down()
            for name in order:
                getattr(street, name).start()
                time.sleep(2.0)
            return is_right(street)

        return step

    for order in itertools.permutations(("broker", "agent", "home")):
        yield f"all down, then {', '.join(order)}", anew(order)


def not_stale(street: Street) -> str:
    """What was in view when the agent was killed is never shown as if it were still."""
    wait_for("a bird in view", lambda: street.states()["clip.bird"] == "on")
    street.agent.kill()
    wait_for("away", lambda: street.states()["clip.bird"] == "unavailable")
    street.agent.settle(settings(still=str(still_folder(street.agent.folder))))
    street.agent.start()
    seen = list[str]()
    until(lambda: seen.append(street.states()["clip.bird"]) or "off" in seen, WITHIN_S)  # type: ignore[func-returns-value]
    street.agent.end()
    street.agent.settle(settings())
    street.agent.start()
    assert "on" not in seen, seen
    assert seen[-1] == "off", seen
    return f"unavailable, then off; {len(seen)} looks; " + is_right(street)


def still_folder(folder: Path) -> Path:
    """Return a folder of stills on which nothing ever moves."""
    stills = folder / "stills"
    stills.mkdir(exist_ok=True)
    for number in range(3):
        cv2.imwrite(str(stills / f"{number}.png"), np.full((240, 320, 3), 90, np.uint8))
    return stills


def gone(street: Street, *names: str) -> bool:
    """Return whether entities are shown no more, not even as unavailable."""
    return not any(shown.startswith(names) for shown in street.states())


def label_removed(street: Street) -> str:
    """A label taken out by a reload goes at once."""
    street.agent.settle(settings(labels='["bird"]'))
    street.agent.reload()
    told = wait_for("person gone", lambda: gone(street, "clip.person", "clip.zone.perch.person"))
    assert "clip.bird" in street.states()
    return told


def zone_removed_meanwhile(street: Street) -> str:
    """A zone taken out while Home Assistant was down goes when it is back."""
    street.home.end()
    street.agent.end()
    street.agent.settle(settings(labels='["bird"]', zone=""))
    street.agent.start()
    time.sleep(5.0)
    street.home.start()
    return wait_for("the zone gone", lambda: gone(street, "clip.zone"))


def left(street: Street) -> list[str]:
    """Return the topics of ours that the broker keeps for Home Assistant."""
    return [one for one in street.broker.keeps() if "homeassistant" in one or "/state/" in one]


def disabled(street: Street) -> str:
    """Switched off by a reload, the device goes, and nothing is left at the broker."""
    street.agent.settle(settings(enabled=False))
    street.agent.reload()
    told = wait_for("the device gone", lambda: not street.home.ask()["devices"])
    wait_for("nothing left", lambda: not left(street))
    assert not street.states(), street.states()
    street.agent.settle(settings())
    street.agent.reload()
    return f"{told}; on again, " + is_right(street)


def removed(street: Street) -> str:
    """Where no agent runs any more, a command takes the device out."""
    street.agent.end()
    street.agent.settle(settings(enabled=False))
    argv = [sys.executable, "-m", "edgeagent", "homeassistant", "--remove"]
    argv += ["--config", str(street.agent.file), "--state", str(street.agent.state)]
    subprocess.run(argv, check=True, capture_output=True)
    return wait_for("the device gone", lambda: not street.home.ask()["devices"])


def no_complaint(street: Street) -> str:
    """Nothing that Home Assistant says of MQTT, or of a template, is about us."""
    said = [
        line
        for line in street.home.ask()["complaints"]
        if not any(word in line for word in ABOUT_THE_LINE)
    ]
    assert not said, said
    return "none"


Steps = list[tuple[str, Callable[[Street], str]]]


def all_steps(street: Street) -> Steps:
    """Return everything that is tried, in order."""
    checked = [("no complaint of its own", no_complaint)]
    return [
        ("all entities of the device", discovered),
        ("buttons pause, resume", paused),
        ("an event of the clip", happening),
        ("button restart", restarted),
        *one_after_another(street),
        *checked,
        *from_nothing(),
        ("what was in view when it was killed", not_stale),
        ("a label removed, by reload", label_removed),
        ("a zone removed while it was down", zone_removed_meanwhile),
        *checked,
        ("switched off and on, by reload", disabled),
        ("removed by the command", removed),
        *checked,
    ]
