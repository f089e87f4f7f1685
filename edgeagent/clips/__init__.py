"""The real clip that ships, for the demo, the bench and the tests; its licence lies beside it."""

from pathlib import Path


def demo() -> Path:
    """Return the demo's clip: 1280x720 at 20 frames/s, a cockatoo comes up to the camera."""
    return Path(__file__).parent / "cockatoo.mp4"
