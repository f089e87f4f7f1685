"""What a device says of the settings from afar: which are in force, what became of the rest."""

from collections.abc import Mapping
from typing import Any

from edgeagent.overlay import Kept
from edgeagent.wire.fields import NAME_MAX, SCHEMA, WHY_MAX, Fields

VALUES_MAX, ITEMS_MAX = 64, 64
"""Most settings that are told, and items of one that is a list."""


def reported_fields(device: str, wall_ms: int, kept: Kept, refused: Mapping[str, Any]) -> Fields:
    """Return the retained message that answers ``cfg/desired``.

    Args:
        device: its name.
        wall_ms: when it is said.
        kept: what is in force, and the latest version that was tried.
        refused: ``why`` the latest message was not taken up, and which that was: ``sha``, and
            ``ver`` and ``id`` if it said so; empty where it was.
    """
    fields: Fields = {"v": SCHEMA, "ts": wall_ms, "dev": device, "now": kept.now.version}
    fields["s"] = kept.tried.state if kept.tried is not None else "none"
    if kept.tried is not None:
        fields |= {"ver": kept.tried.version, "id": kept.tried.id}
        if kept.tried.why:
            fields["why"] = kept.tried.why[:WHY_MAX]
    told = list(kept.now.values.items())[:VALUES_MAX]
    fields["set"] = {path[:NAME_MAX]: _shown(value) for path, value in told}
    if refused:
        fields["no"] = {**refused, "why": refused["why"][:WHY_MAX]}
    return fields


def _shown(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, str):
        return value[:NAME_MAX]
    if isinstance(value, list):
        return [_shown(one) for one in value[:ITEMS_MAX]]
    return value
