"""Every head that Coral's owners have, on files that TensorFlow's converter made."""

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from edgeagent import cli
from edgeagent.decode import decode
from edgeagent.decode.golden import differences, goldens
from edgeagent.engines import open_engine
from edgeagent.findings import Box, Detection
from edgeagent.model import Bundle, list_bundles, load_bundle
from edgeagent.tensor import Tensor

MODELS = Path(__file__).parent / "models"
NAMES = [path.name for path in list_bundles(MODELS)]
SQUARES = {"red": Box(2, 14, 50, 62), "blue": Box(63, 65, 87, 89)}
"""What is in the golden picture, in pixels of 96."""


@pytest.fixture(params=NAMES)
def bundle(request: pytest.FixtureRequest) -> Bundle:
    return load_bundle(MODELS / request.param)


def run(bundle: Bundle) -> dict[str, Tensor]:
    engine = open_engine(bundle)
    (golden,) = goldens(bundle)
    with engine.seat() as seat:
        turned = 0x80 if engine.takes.dtype == "int8" else 0
        seat.input[...] = (golden.image ^ turned).view(seat.input.dtype)
        return dict(seat.run())


def found(bundle: Bundle, outputs: dict[str, Tensor]) -> dict[str, Detection]:
    told = decode(bundle, bundle.files["cpu"], outputs, 0.4, 1)
    assert len(told) == len(SQUARES)
    return {one.name: one for one in told if isinstance(one, Detection)}


def assert_squares(told: dict[str, Detection]) -> None:
    for name, square in SQUARES.items():
        box = told[name].box
        pixels = Box(96 * box.left, 96 * box.top, 96 * box.right, 96 * box.bottom)
        assert pixels.iou(square) > 0.95
        assert told[name].score > 0.9


def test_each_decoder_of_detectors_has_a_model_here() -> None:
    decoders = {load_bundle(MODELS / name).decoder for name in NAMES}
    assert decoders == {"ssd", "yolo", "yolo_dfl"}
    assert len(NAMES) == 4


def test_the_squares_are_found_where_they_are(bundle: Bundle) -> None:
    assert_squares(found(bundle, run(bundle)))


def test_what_is_found_today_is_what_was_found_when_it_was_made(bundle: Bundle) -> None:
    (golden,) = goldens(bundle)
    assert differences(bundle, bundle.files["cpu"], golden, run(bundle)) == []


def test_an_ssd_leaves_what_it_likes_behind_its_count() -> None:
    held = load_bundle(MODELS / "squares-ssd")
    outputs = run(held)
    meant = int(np.asarray(outputs["count"], np.float32)[0])
    assert 2 <= meant < 20
    for role in ("boxes", "classes", "scores"):
        outputs[role][0, meant:] = np.float32(0.5)
    assert_squares(found(held, outputs))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds: after three a red square comes in, and goes to the right."""
    path = Path(tmp_path_factory.mktemp("clip") / "square.mp4")
    random = np.random.default_rng(1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        for at in range(60):
            image = np.full((480, 640, 3), 110) + random.normal(0, 3, (480, 640, 3))
            if at >= 30:
                left = 20 + 8 * (at - 30)
                image[200:320, left : left + 120] = (230, 30, 30)
            frame = av.VideoFrame.from_ndarray(image.astype(np.uint8), format="rgb24")
            frame = frame.reformat(format="yuv420p")
            frame.pts, frame.time_base = at, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_a_replay_says_what_comes_into_view_and_where(
    bundle: Bundle, clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["replay", str(clip), "--model", str(bundle.folder)]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    first = next(event for event in events if event["k"] == "object")
    assert first["model"] == bundle.files["cpu"].digest8
    assert first["cls"][0][0] == "red"
    left = (20 + 8 * (first["ts"] / 100 - 30)) / 640
    there = Box(left, 200 / 480, left + 120 / 640, 320 / 480)
    # Frames are told by when they were seen: one may be between two.
    assert Box(*first["box"][0]).iou(there) > 0.75
