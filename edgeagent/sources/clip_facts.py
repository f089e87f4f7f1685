"""What a clip itself weighs: what its video would cost to send."""

from dataclasses import dataclass
from pathlib import Path

import av

from edgeagent.errors import CameraError


@dataclass(frozen=True, slots=True)
class ClipFacts:
    """Measured from the container's packets, nothing is decoded."""

    width_px: int
    height_px: int
    frames: int
    duration_s: float
    codec: str
    encoded_bytes: int
    """All video packets, as they lie in the file."""

    @property
    def raw_bytes(self) -> int:
        """The same frames as 8-bit RGB."""
        return self.width_px * self.height_px * 3 * self.frames


def clip_facts(path: Path) -> ClipFacts:
    """Read through the clip at ``path``.

    Raises:
        CameraError: it is no video.
    """
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            sizes = [packet.size for packet in container.demux(stream) if packet.size]
            rate = float(stream.average_rate or 25)
            context = stream.codec_context
            return ClipFacts(
                context.width,
                context.height,
                len(sizes),
                len(sizes) / rate,
                context.name,
                sum(sizes),
            )
    except (av.FFmpegError, IndexError) as error:
        raise CameraError(f"{path}: is not a video that can be read ({error})") from error
