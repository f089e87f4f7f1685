"""The status screen: what is wrong first, colour only where it is wanted, and nothing to obey."""

from typing import Any

import pytest

from edgeagent.cli.status_screen import lines, size, span
from edgeagent.terminal import Ink

WELL = {"level": "ok", "code": "", "why": "", "cure": "", "age_s": 9}
LOST = {"level": "fault", "code": "lost", "why": "no answer", "cure": "ping 10.0.0.7", "age_s": 720}
WARM = {"level": "warning", "code": "warm", "why": "81 C", "cure": "give it air", "age_s": 7300}


def said(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    told = {
        "version": "0.1",
        "up_s": 100_000.0,
        "state": "ok",
        "states": {"camera.door": WELL, "link": WELL},
        "cameras": {"door": "watched"},
        "stages": {"door": {"motion": {"n": 9, "p50_ms": 1.0, "p90_ms": 1.5}}},
        "engines": ["cpu"],
        "link": True,
        "outbox": {"pending": 1200, "bytes": 3_400_000},
        "counters": {"frames_total.door": 12345},
        "gauges": {"silent_s.door": 0.1, "clock_set": 1, "soc_c": 61.3, "outbox_lost": 0,
                   "disk_free_bytes": 12.1e9, "disk_size_bytes": 29.1e9,
                   "device_written_bytes": 1.2e9},
    }  # fmt: skip
    return {**told, **changes}


def test_a_healthy_agent_is_one_calm_screen() -> None:
    assert list(lines(said(), Ink())) == [
        "edgeagent    0.1, up 1 d 3 h: ok",
        "",
        "camera       door: watched; 12,345 frames, 0 moved, 0 looks, 0 events; "
        "last frame 0.1 s ago",
        "p90, ms      door: motion 1.5",
        "models run   cpu",
        "outbox       1,200 to send, 3.4 MB",
        "broker       connected",
        "clock        set by a time server",
        "disk         12.1 GB free of 29.1 GB; 1.2 GB written since the board began",
        "temperature  61 C",
    ]


def test_what_is_wrong_comes_first_with_cause_and_cure() -> None:
    told = said(state="fault", states={"temperature": WARM, "camera.door": LOST})
    screen = list(lines(told, Ink()))
    assert screen[:9] == [
        "edgeagent    0.1, up 1 d 3 h: fault",
        "",
        "fault        camera.door, for 12 min (lost)",
        "             no answer",
        "             > ping 10.0.0.7",
        "",
        "warning      temperature, for 2 h 01 min (warm)",
        "             81 C",
        "             > give it air",
    ]


def test_colour_is_only_what_ink_gives() -> None:
    told = said(state="fault", states={"camera.door": LOST})
    assert "\x1b" not in "".join(lines(told, Ink()))
    assert "\x1b[1;31mfault\x1b[0m" in "".join(lines(told, Ink(colour=True)))


def test_words_from_elsewhere_cannot_command_the_terminal() -> None:
    nasty = {**LOST, "why": "\x1b[2Jgone\r\nmotion ok"}
    assert "\x1b" not in "".join(lines(said(states={"camera.door": nasty}), Ink()))


def test_an_agent_of_an_older_release_is_shown_as_far_as_it_tells() -> None:
    told = said(gauges={})
    del told["state"], told["states"]
    screen = list(lines(told, Ink()))
    assert screen[0].endswith(": ok")
    assert "broker       connected" in screen


@pytest.mark.parametrize(
    ("link", "code", "words"),
    [(True, "", "connected"), (False, "none", "none is set"), (False, "down", "not connected")],
)
def test_no_broker_is_told_from_one_that_is_away(link: bool, code: str, words: str) -> None:
    told = said(link=link, states={"link": {**WELL, "code": code}})
    assert f"broker       {words}" in list(lines(told, Ink()))


def test_times_and_sizes_are_told_as_a_person_would() -> None:
    assert [span(s) for s in (0.4, 59, 60, 3599, 3900, 90_000)] == [
        "0 s", "59 s", "1 min", "59 min", "1 h 05 min", "1 d 1 h",
    ]  # fmt: skip
    assert [size(n) for n in (0, 999, 1000, 123_456, 5e12, 5e15)] == [
        "0 bytes", "999 bytes", "1.0 kB", "123 kB", "5.0 TB", "5000 TB",
    ]  # fmt: skip
