"""Is this frame worth a look, and where in it: a small grid of cells instead of pixels."""

from edgeagent.motion.gate import MotionGate

__all__ = ["MotionGate"]
