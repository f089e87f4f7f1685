"""What a device says besides events, as fields: status, info, stat, state, answers to orders."""

from collections.abc import Mapping, Sequence
from typing import Any

from edgeagent.bulletin import LEVELS, Bulletin
from edgeagent.findings import Detection, Label
from edgeagent.wire.fields import NAME_MAX, SCHEMA, WHY_MAX, Fields, fraction

SEEN_MAX = 20
"""Most things in the answer to one look; the event has them all."""


def seen_fields(seen: Sequence[Detection | Label]) -> Fields:
    """Return what one camera saw when it was asked, best first; an empty ``cls``: nothing."""
    told = seen[:SEEN_MAX]
    fields: Fields = {"cls": [[thing.name[:NAME_MAX], round(thing.score, 3)] for thing in told]}
    boxes = [thing.box for thing in told if isinstance(thing, Detection)]
    if boxes:
        fields["box"] = [
            [fraction(edge) for edge in (b.left, b.top, b.right, b.bottom)] for b in boxes
        ]
    return fields


def answer_fields(
    device: str, name: str, wish: str, told: Mapping[str, Any], wall_ms: int
) -> Fields:
    """Return the answer to one order: ``ok``, ``why`` not, and what the order asked for."""
    fields: Fields = {"v": SCHEMA, "ts": wall_ms, "dev": device, "k": name[:NAME_MAX], "id": wish}
    if "why" in told:
        told = {**told, "why": told["why"][:WHY_MAX]}
    return {**fields, **told}


def status_fields(device: str, state: str, wall_ms: int) -> Fields:
    """Return the retained message that says ``online``, ``stopped`` or ``offline``.

    ``ts`` of an ``offline`` is when the agent connected: a will is written in advance.
    """
    return {"v": SCHEMA, "ts": wall_ms, "dev": device, "s": state}


def info_fields(facts: Mapping[str, Any]) -> Fields:
    """Return the retained message that says what this device is.

    Args:
        facts: ``dev``, ``boot`` and ``ts``; of the rest any: ``agent``, ``python``, ``os``,
            ``board``, ``runtime``, ``enc`` (texts up to 128 characters), ``cameras``, ``engines``
            (lists of such) and ``models`` (name to digest).
    """
    return {"v": SCHEMA, **facts}


def stat_fields(bulletin: Bulletin, wall_ms: int, audit: tuple[str, int] | None = None) -> Fields:
    """Return the counters ``c``, the gauges ``g`` and the states of one instant.

    ``s`` is the worst, ``h`` each part's by its number (0 ok, 1 warning, 2 fault); of those that
    are not ok ``f`` says why, and ``e`` in one word, and for how many seconds. ``aud`` is how far
    the ``audit`` log goes: the last line's digest, and how many lines there are.
    """
    unwell = bulletin.unwell
    return {
        "v": SCHEMA,
        "ts": wall_ms,
        "dev": bulletin.device,
        "s": bulletin.level,
        "h": {part: LEVELS.index(state.level) for part, state in bulletin.states.items()},
        "c": bulletin.counters,
        "g": {name: round(value, 3) for name, value in bulletin.gauges.items()},
        "f": {part: state.why[:WHY_MAX] for part, state in unwell.items()},
        "e": {part: (state.code, round(state.age_s)) for part, state in unwell.items()},
        **({} if audit is None else {"aud": audit}),
    }


def state_fields(device: str, camera: str, told: Mapping[str, Any], wall_ms: int) -> Fields:
    """Return the retained message that says how one camera stands.

    Args:
        device: its name.
        camera: the camera's.
        told: ``s`` (is it watched), ``mov`` (does something move), ``n`` (label to how many are in
            view), ``zn`` (zone to the same), ``last`` (the label that came last, and its score).
        wall_ms: unix milliseconds.
    """
    return {"v": SCHEMA, "ts": wall_ms, "dev": device, "cam": camera, **told}


def bench_fields(device: str, wall_ms: int, facts: Mapping[str, Any]) -> Fields:
    """Return the message that says how long things take on this device.

    Args:
        device: its name.
        wall_ms: when it was measured, unix milliseconds.
        facts: ``sc`` (scenario), ``agent``, ``model``, ``eng``, ``board`` (texts), ``sim`` (true
            where a library was simulated), ``n`` (how many), ``p50 p90 p99 max load first``
            (milliseconds), ``st`` (stage to its p50), ``soc`` (degrees Celsius), ``thr`` (what the
            firmware complains of), ``ok`` (0 good, 1 bad, 2 too noisy to say).
    """
    return {"v": SCHEMA, "ts": wall_ms, "dev": device, **facts}
