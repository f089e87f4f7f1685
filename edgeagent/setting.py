"""What is said of one setting: in words, its unit, its bounds, and what a reload may do with it."""

from enum import StrEnum
from typing import Any

from msgspec import Meta


class Reload(StrEnum):
    """What SIGHUP may do with a changed setting."""

    LIVE = "live"
    """Taken over at once."""
    PART = "part"
    """The camera, engine or link concerned is opened again."""
    START = "start"
    """Kept until the next start, and reported."""


def _meta(reload: Reload, text: str, unit: str, remote: bool = False, **bounds: Any) -> Meta:  # noqa: ANN401
    schema = {"x-unit": unit, "x-reload": str(reload), **({"x-remote": True} if remote else {})}
    extra = {"unit": unit, "reload": reload, "remote": remote}
    return Meta(description=text, extra=extra, extra_json_schema=schema, **bounds)


def live(text: str, unit: str = "", **bounds: Any) -> Meta:  # noqa: ANN401
    """Describe a setting that a reload takes over at once."""
    return _meta(Reload.LIVE, text, unit, **bounds)


def remote(text: str, unit: str = "", **bounds: Any) -> Meta:  # noqa: ANN401
    """Describe a setting that a reload takes over at once, and an order from afar may set, too."""
    return _meta(Reload.LIVE, text, unit, remote=True, **bounds)


def part(text: str, unit: str = "", **bounds: Any) -> Meta:  # noqa: ANN401
    """Describe a setting whose change re-opens the part it belongs to."""
    return _meta(Reload.PART, text, unit, **bounds)


def start(text: str, unit: str = "", **bounds: Any) -> Meta:  # noqa: ANN401
    """Describe a setting that only a start takes over."""
    return _meta(Reload.START, text, unit, **bounds)
