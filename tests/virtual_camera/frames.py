"""Cut a clip into the numbered JPEG files that libcamera's virtual camera plays."""

import sys
from itertools import islice
from pathlib import Path

import av
import cv2

SIZE_PX = (640, 480)
FRAMES = 40
"""libcamera keeps them all in memory, once as they are and once for each stream."""


def cut(clip: Path, folder: Path) -> None:
    """Write the first frames of ``clip`` to ``folder`` as 0001.jpg, 0002.jpg, ..."""
    folder.mkdir(parents=True, exist_ok=True)
    with av.open(str(clip)) as container:
        for number, frame in enumerate(islice(container.decode(video=0), FRAMES), 1):
            picture = cv2.resize(frame.to_ndarray(format="bgr24"), SIZE_PX)
            cv2.imwrite(str(folder / f"{number:04d}.jpg"), picture)


if __name__ == "__main__":
    cut(Path(sys.argv[1]), Path(sys.argv[2]))
