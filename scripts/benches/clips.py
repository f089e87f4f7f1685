"""Clips with exact ground truth, as H.264, kept by their seed."""

import json
from pathlib import Path
from typing import Any

import av
import numpy as np

from scripts.benches.footage import HEIGHT_PX, WIDTH_PX, Footage
from scripts.benches.scenes import FPS, Scene


def clip(seed: int, footage: Path, cache: Path) -> tuple[Path, list[dict[str, Any]]]:
    """Return the seed's clip and its truth, frame by frame; made when ``cache`` has it not."""
    video, truth = cache / f"motion-{seed}.mp4", cache / f"motion-{seed}.json"
    if not truth.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        truth.write_text(json.dumps(_encode(Scene(Footage(footage), seed), video)))
    return video, json.loads(truth.read_text())


def _encode(scene: Scene, video: Path) -> list[dict[str, Any]]:
    truth = []
    planes = np.full((HEIGHT_PX * 3 // 2, WIDTH_PX), 128, np.uint8)
    with av.open(str(video), "w") as container:
        options = {"crf": "20", "preset": "veryfast", "g": "50", "threads": "1"}
        stream: Any = container.add_stream("libx264", rate=FPS, options=options)
        # Full range: the plane is the scene's own 0 to 255, as drawn.
        stream.width, stream.height, stream.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuvj420p"
        for luma, said in scene.frames():
            planes[:HEIGHT_PX] = luma
            container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuvj420p")))
            truth.append(said)
        container.mux(stream.encode())
    return truth
