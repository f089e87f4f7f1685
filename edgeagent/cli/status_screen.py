"""The status of a running agent as lines: what is wrong first, then each part as the river goes."""

import shutil
from collections.abc import Iterator, Mapping
from typing import Any

from edgeagent.cli.pause import until
from edgeagent.terminal import Ink, Style, clean, wrapped

Said = Mapping[str, Any]
"""What the agent answers to ``status``."""

_LABEL = 13
_STYLES: Mapping[str, Style] = {"ok": "green", "warning": "yellow", "fault": "red"}
_TIMED = ("motion", "preprocess", "invoke", "decode")
_OF_A_CAMERA = ("frames", "moved", "looks", "events")
_NARROW, _WIDE = 60, 100


def lines(said: Said, ink: Ink) -> Iterator[str]:
    """Yield the screen, line by line."""
    yield _head(said, ink)
    yield from _unwell(said, ink)
    yield ""
    for rows in _ROWS:
        for label, text in rows(said):
            yield f"{label:<{_LABEL}}{clean(text)}"


def _head(said: Said, ink: Ink) -> str:
    state = said.get("state", "ok")
    return f"{'edgeagent':<{_LABEL}}{said['version']}, up {span(said['up_s'])}: " + ink(
        _STYLES[state], state
    )


def _unwell(said: Said, ink: Ink) -> Iterator[str]:
    """Yield for each part that is not well its cause and its cure, the worst first."""
    width = min(max(shutil.get_terminal_size().columns, _NARROW), _WIDE)
    indent = " " * _LABEL
    for level in ("fault", "warning"):
        for part, state in said.get("states", {}).items():
            if state["level"] == level:
                yield ""
                head = ink(_STYLES[level], f"{level:<{_LABEL}}{part}")
                yield f"{head}, for {span(state['age_s'])} ({state['code']})"
                yield from wrapped(clean(state["why"]), width, indent, indent)
                yield from wrapped(clean(state["cure"]), width, f"{indent}> ", f"{indent}  ")


def span(seconds: float) -> str:
    """Return how long that is, as ``3 d 4 h``, ``4 h 05 min``, ``5 min`` or ``12 s``."""
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60:02} min"
    return f"{minutes} min" if minutes else f"{int(seconds)} s"


# --- one function a row or more: label and text


def _cameras(said: Said) -> Iterator[tuple[str, str]]:
    for name, state in said["cameras"].items():
        yield "camera", f"{name}: {state}; {_counts(said, name)}{_latest(said, name)}"
        if pause := said.get("paused", {}).get(name):
            yield "paused", f"{name}: {pause['why']}, {until(pause)}"


def _counts(said: Said, name: str) -> str:
    counters = said["counters"]
    return ", ".join(f"{counters.get(f'{w}_total.{name}', 0):,} {w}" for w in _OF_A_CAMERA)


def _latest(said: Said, name: str) -> str:
    silent_s = said["gauges"].get(f"silent_s.{name}")
    if silent_s is None or not said["counters"].get(f"frames_total.{name}"):
        return ""
    return f"; last frame {silent_s:.1f} s ago"


def _stages(said: Said) -> Iterator[tuple[str, str]]:
    for name, stages in said["stages"].items():
        times = [f"{s} {stages[s]['p90_ms']:.3g}" for s in _TIMED if s in stages]
        if times:
            yield "p90, ms", f"{name}: {', '.join(times)}"


def _engines(said: Said) -> Iterator[tuple[str, str]]:
    yield "models run", ", ".join(said["engines"]) or "none"


def _outbox(said: Said) -> Iterator[tuple[str, str]]:
    outbox, lost = said["outbox"], said["gauges"].get("outbox_lost", 0)
    text = f"{outbox['pending']:,} to send, {size(outbox['bytes'])}"
    yield "outbox", text + (f", {lost:,.0f} given up" if lost else "")


def _link(said: Said) -> Iterator[tuple[str, str]]:
    why = said.get("states", {}).get("link", {})
    is_none = why.get("code") == "none"
    yield "broker", "connected" if said["link"] else "none is set" if is_none else "not connected"


def _clock(said: Said) -> Iterator[tuple[str, str]]:
    is_set = said["gauges"].get("clock_set")
    if is_set is not None:
        yield "clock", "set by a time server" if is_set else "not set by a time server"


def _disk(said: Said) -> Iterator[tuple[str, str]]:
    gauges = said["gauges"]
    if "disk_free_bytes" in gauges:
        text = f"{size(gauges['disk_free_bytes'])} free of {size(gauges['disk_size_bytes'])}"
        if "device_written_bytes" in gauges:
            text += f"; {size(gauges['device_written_bytes'])} written since the board began"
        yield "disk", text


def _temperature(said: Said) -> Iterator[tuple[str, str]]:
    soc_c = said["gauges"].get("soc_c")
    if soc_c is not None:
        yield "temperature", f"{soc_c:.0f} C"


def size(count: float) -> str:
    """Return that many bytes as a person says it: ``1.2 GB``."""
    units = ["bytes", "kB", "MB", "GB", "TB"]
    while count >= 1000 and len(units) > 1:
        count /= 1000
        units.pop(0)
    places = 0 if units[0] == "bytes" or count >= 100 else 1
    return f"{count:.{places}f} {units[0]}"


_ROWS = (_cameras, _stages, _engines, _outbox, _link, _clock, _disk, _temperature)
