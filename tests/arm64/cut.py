"""Copy the first frames of a clip, as they are encoded: qemu is slow."""

import sys
from itertools import islice
from pathlib import Path

import av


def cut(clip: Path, to: Path, frames: int) -> None:
    """Write the first ``frames`` packets of ``clip``'s film to ``to``."""
    with av.open(str(clip)) as source, av.open(str(to), "w") as short:
        stream = short.add_stream_from_template(source.streams.video[0])
        for packet in islice(source.demux(video=0), frames):
            if packet.dts is not None:
                packet.stream = stream
                short.mux(packet)


if __name__ == "__main__":
    cut(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
