"""How long it takes: the agent's own path, measured in several ways, and judged.

* ``figures.py`` ``verdict.py``   durations summed up; fast enough or not (pure)
* ``core.py`` ``yardstick.py``    what other programs took; how fast the machine is just now
* ``river.py``                    frames through one agent; every lap of it kept
* ``closed.py`` ``paced.py`` ``pipeline.py`` ``swap.py`` ``cold.py``   the scenarios
* ``machine.py`` ``environment.py`` ``guard.py``   where it was measured; is the model still right
* ``report.py`` ``show.py`` ``history.py``   the report; for people; kept
"""

from pathlib import Path

from edgeagent.config import CameraConfig
from edgeagent.errors import UsageError


def clip_config(clip: Path) -> CameraConfig:
    """Return the camera that plays ``clip``: a film, a folder of stills, or one still.

    Raises:
        UsageError: there is no such file or folder.
    """
    if not clip.exists():
        raise UsageError(f"{clip}: no such file or folder; give the path of a clip")
    return CameraConfig(
        name="clip", source="images" if _is_still(clip) else "video", address=str(clip), loop=True
    )


def _is_still(clip: Path) -> bool:
    return clip.is_dir() or clip.suffix.lower() in (".jpg", ".jpeg", ".png", ".bmp")
