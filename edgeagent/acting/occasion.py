"""Is an event one that an action waits for, and what of it is told to a command. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from edgeagent.config import ActionConfig
from edgeagent.event import Event


@dataclass(frozen=True, slots=True)
class Occasion:
    """An event that an action waits for, and why."""

    event: Event
    seq: int
    """The event's in the outbox; -1 where it has none."""
    label: str = ""
    """Of the first finding that fits; "" of an event without any."""
    score: float | None = None
    phase: str = ""
    is_trial: bool = False
    """Somebody at the device asked for it; the event is made up."""


def fits(action: ActionConfig, event: Event, seq: int) -> Occasion | None:
    """Return what of ``event`` fits ``action``, None where nothing does."""
    if event.kind not in action.kinds or not _is_here(action, event):
        return None
    if event.names:
        every = (Occasion(event, seq, *one) for one in _findings(event))
        return next((one for one in every if _is_wanted(action, one)), None)
    # What has no label fits where none is asked for: motion, and what happened to the agent.
    phase = event.motion.phase if event.motion is not None else ""
    is_wanted = not action.labels and _in_phase(action, phase)
    return Occasion(event, seq, phase=phase) if is_wanted else None


def camera_of(event: Event) -> str:
    """Return the camera that ``event`` is about, "" for none."""
    if event.source is not None:
        return event.source.camera
    return event.name if event.kind.startswith("camera_") else ""


def _is_here(action: ActionConfig, event: Event) -> bool:
    return not (
        (action.cameras and camera_of(event) not in action.cameras)
        or (action.zones and event.kind == "zone" and event.zone not in action.zones)
        or (action.lines and event.kind == "cross" and event.line not in action.lines)
    )


def _findings(event: Event) -> Iterator[tuple[str, float, str]]:
    for number, (name, score) in enumerate(event.names):
        yield name, score, event.tracks[number][1] if number < len(event.tracks) else ""


def _is_wanted(action: ActionConfig, one: Occasion) -> bool:
    is_label = not action.labels or one.label in action.labels
    is_sure = one.score is None or one.score >= action.min_score
    return is_label and is_sure and _in_phase(action, one.phase)


def _in_phase(action: ActionConfig, phase: str) -> bool:
    return not (action.phases and phase) or phase in action.phases


def variables(action: ActionConfig, occasion: Occasion, device: str) -> Mapping[str, str]:
    """Return what a command finds in its environment; what is not known is not there.

    A label stands in a model's file, which somebody else may have written: no line end or other
    control character gets through.
    """
    event, score = occasion.event, occasion.score
    told = {
        "ACTION": action.name,
        "DEVICE": device,
        "KIND": event.kind,
        "CAMERA": camera_of(event),
        "LABEL": occasion.label,
        "SCORE": "" if score is None else f"{score:.3f}",
        "PHASE": occasion.phase,
        "ZONE": event.zone,
        "LINE": event.line,
        "SEQ": str(occasion.seq) if occasion.seq >= 0 else "",
        "TRIAL": "1" if occasion.is_trial else "",
    }
    return {f"EDGEAGENT_{name}": _plain(text) for name, text in told.items() if text}


def _plain(text: str) -> str:
    return "".join(one if one.isprintable() else "?" for one in text)
