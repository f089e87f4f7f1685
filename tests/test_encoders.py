"""The check that no picture can leave finds every way out that it knows."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


def check() -> ModuleType:
    path = Path(__file__).parent.parent / "scripts" / "check_encoders.py"
    spec = importlib.util.spec_from_file_location("check_encoders", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "source",
    [
        "import cv2\ncv2.imencode('.jpg', frame)",
        "from cv2 import imwrite\nimwrite('x.png', frame)",
        "import av\nav.open('x.mp4', 'w')",
        "import av\nav.open('x.mp4', mode=how)",
        "from PIL import Image",
        "camera.capture_file('x.jpg')",
        "frame.to_image()",
        "luma.tofile('x')",
    ],
)
def test_a_way_out_for_a_picture_is_found(source: str) -> None:
    assert list(check().offences(source))


def test_reading_a_clip_is_no_way_out() -> None:
    assert not list(check().offences("import av\nav.open('x.mp4')\nav.open('x', 'r', timeout=3)"))


def test_the_closure_holds_every_stage_and_no_plotting() -> None:
    names = {
        path.stem if path.stem != "__init__" else path.parent.name for path in check().closure()
    }
    assert {"agent", "gate", "preprocess", "engines", "track", "outbox", "mqtt", "video"} <= names
    assert not {"bench", "demo", "look", "picture", "plot", "replay"} & names
