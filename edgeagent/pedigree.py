"""What pictures a model was made of, as a bundle's manifest tells it."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

Use = Literal["train", "calibrate", "judge"]


@dataclass(frozen=True, slots=True)
class Data:
    """Pictures that a model was trained on, quantised by, or judged by."""

    use: Use
    name: Annotated[str, Meta(min_length=1)]
    licence: Annotated[str, Meta(min_length=1)] = "not stated"
    pictures: Annotated[int, Meta(ge=0)] = 0
    """0: nobody knows."""
    sha256: Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?\Z")] = ""
    """Of pictures: `digest_of` them; of the pipeline's data: of its table; empty: nobody knows."""


def digest_of(digests: Iterable[str]) -> str:
    """Return what pictures are known by, whatever their names and wherever they lie.

    The sha256 of their sha256s, sorted, one a line, as
    ``sha256sum * | cut -c-64 | sort | sha256sum`` has it.
    """
    return hashlib.sha256("".join(f"{one}\n" for one in sorted(digests)).encode()).hexdigest()
