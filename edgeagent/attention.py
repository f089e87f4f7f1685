"""How closely a camera is to be watched: set by who looks, read by who decodes."""

from dataclasses import dataclass


@dataclass(slots=True)
class Attention:
    """One camera's, shared by two threads: one writes, one reads, and a flag needs no lock."""

    every: bool = True
    """Every frame is wanted; False: nothing moves, keyframes will do."""
