"""A served model answers as a device does, and says what is wrong with a question."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from edgeagent.decode import decode
from edgeagent.decode.golden import goldens
from edgeagent.engines import Engine, open_engine
from edgeagent.engines.scripted import Scripted
from edgeagent.findings import WHOLE, Finding
from edgeagent.frame import BT601, Picture
from edgeagent.model import bundles_folder, find_bundle
from edgeagent.preprocess import fit, put
from edgeagent.serving.answering import Served
from edgeagent.serving.protocol import MalformedError, Message, Named, Parameters
from edgeagent.serving.terms import heard

DETECTOR = find_bundle("coco16-320", [bundles_folder()])
EXTRACTOR = find_bundle("embed88-128", [bundles_folder()])
IMAGE = goldens(DETECTOR)[0].image


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    opened = open_engine(DETECTOR)
    yield opened
    opened.close()


def served(engine: Engine) -> Served:
    return Served("m", engine, 0.3, 1, "tflite")


def message(parameters: Parameters | None = None, **arrays: Any) -> Message:  # noqa: ANN401
    return Message([Named(name, array) for name, array in arrays.items()], parameters or {})


def picture(colour: bool = True) -> Picture:
    """A picture of odd size that has something in it."""
    luma = IMAGE[0, :, :, 1].repeat(2, 0)[:481, :319]
    chroma = IMAGE[0, ::2, ::2, 0].repeat(2, 0)[:241, :160]
    return Picture(luma, chroma if colour else None, chroma if colour else None, BT601)


def on_device(engine: Engine, seen: Picture) -> list[Finding]:
    with engine.seat() as seat:
        unfit = fit(seen, WHOLE, seat.input, engine.takes)
        return unfit.findings(decode(engine.bundle, seat.file, seat.run(), 0.05, 1))


def test_an_image_is_answered_as_the_device_decodes_it(engine: Engine) -> None:
    with engine.seat() as seat:
        put(IMAGE, seat.input, engine.takes)
        wanted = decode(DETECTOR, seat.file, seat.run(), 0.3, 1)
    answer = served(engine).answer(message(image=IMAGE))
    got = heard(answer, "detect")
    assert wanted
    assert [one.name for one in got] == [one.name for one in wanted]  # type: ignore[union-attr]
    assert answer.parameters["model"] == engine.file.digest8
    assert int(answer.parameters["invoke_us"]) > 0


@pytest.mark.parametrize("colour", [True, False])
def test_a_picture_is_fitted_as_the_device_fits_it_bit_for_bit(
    engine: Engine, colour: bool
) -> None:
    seen = picture(colour)
    planes = {"luma": seen.y, "u": seen.u, "v": seen.v, "to_rgb": seen.to_rgb}
    sent: dict[str, Any] = {name: plane for name, plane in planes.items() if plane is not None}
    seat = Scripted(DETECTOR)
    served(seat).answer(message(**sent))
    into = np.zeros(engine.takes.shape, np.uint8)
    fit(seen, WHOLE, into, engine.takes)
    assert (seat.saw[0] == into).all()
    answer = served(engine).answer(message({"threshold": 0.05}, **sent))
    assert len(heard(answer, "detect")) == len(on_device(engine, seen))


def test_a_picture_of_rgb_of_just_the_models_size_is_what_the_model_sees() -> None:
    seat = Scripted(DETECTOR)
    served(seat).answer(message(picture=IMAGE[0]))
    assert np.abs(seat.saw[0].astype(int) - IMAGE).max() <= 1


def test_a_vector_comes_in_its_own_steps() -> None:
    extractor = open_engine(EXTRACTOR)
    golden = goldens(EXTRACTOR)[0]
    answer = served(extractor).answer(message(image=golden.image))
    extractor.close()
    (vector,) = heard(answer, "embed")
    spec = extractor.file.outputs["vector"]
    assert (vector.scale, vector.zero_point) == (spec.scale, spec.zero_point)  # type: ignore[union-attr]


def test_what_the_model_itself_gave_comes_where_it_is_asked_for(engine: Engine) -> None:
    request = message(image=IMAGE)
    asked = Message(request.tensors, {}, ("raw.heat", "scores"))
    answer = served(engine).answer(asked)
    assert [one.name for one in answer.tensors] == ["scores", "raw.heat"]
    assert answer.tensor("raw.heat").array.shape == (1, 80, 80, 16)
    assert answer.tensor("raw.heat").parameters["scale"] == 0.00390625


def test_the_metadata_say_what_goes_in_and_comes_out(engine: Engine) -> None:
    model = served(engine)
    assert model.inputs() == [{"name": "image", "datatype": "UINT8", "shape": [1, 320, 320, 3]}]
    outputs = {row["name"]: (row["datatype"], row["shape"]) for row in model.outputs()}
    assert outputs["boxes"] == ("FP32", [-1, 4])
    assert outputs["raw.box"] == ("UINT8", [1, 80, 80, 4])
    vector = served(Scripted(EXTRACTOR)).outputs()[0]
    assert vector == {"name": "vector", "datatype": "UINT8", "shape": [88]}


PLANE = np.zeros((64, 64), np.uint8)
HALF = PLANE[:32, :32]


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({}, "inputs: none; give image; or picture"),
        ({"image": IMAGE, "picture": PLANE}, "inputs: image, picture; give image; or"),
        ({"pixels": PLANE}, "inputs: pixels; give"),
        ({"image": IMAGE[:, :100]}, r"inputs.image: \[1, 100, 320, 3\] is not \[1, 320, 320, 3\]"),
        ({"image": IMAGE.astype(np.float32)}, "is of FP32; give UINT8"),
        ({"image": IMAGE.astype(np.int8)}, "is of INT8; give UINT8"),
        ({"picture": PLANE}, r"inputs.picture: \[64, 64\] is not \[height, width, 3\]"),
        ({"picture": np.zeros((4, 64, 3), np.uint8)}, "no picture of 16 to 8192 pixels"),
        ({"picture": np.zeros((64, 64, 3), np.float32)}, "is of float32; give UINT8"),
        ({"luma": PLANE, "to_rgb": BT601[:2]}, "inputs.to_rgb"),
        ({"luma": PLANE, "to_rgb": BT601 * np.float32(np.nan)}, "inputs.to_rgb"),
        ({"luma": PLANE, "u": HALF, "v": HALF[:8], "to_rgb": BT601}, r"inputs.v: \[8, 32\]"),
        ({"luma": PLANE, "u": HALF[:, :9], "v": HALF[:, :9], "to_rgb": BT601}, r"inputs.u: \["),
        ({"luma": PLANE, "u": HALF, "to_rgb": BT601}, "inputs: luma, to_rgb, u; give"),
    ],
)
def test_what_cannot_be_answered_is_said_with_what_could(arrays: dict[str, Any], told: str) -> None:
    seat = Scripted(DETECTOR)
    with pytest.raises(MalformedError, match=told):
        served(seat).answer(message(**arrays))
    assert seat.saw == []


@pytest.mark.parametrize(
    ("parameters", "wanted", "told"),
    [
        ({"threshold": 2}, (), "threshold: 2 is not 0 to 1"),
        ({"threshold": "x"}, (), "threshold: 'x'"),
        ({"threshold": float("nan")}, (), "threshold: nan"),
        ({"top": 0}, (), "top: 0 is not 1 to 1000"),
        ({"top": True}, (), "top: True"),
        ({}, ("masks",), "outputs: 'masks': no such output; labels, scores, boxes, raw.box"),
    ],
)
def test_a_measure_or_an_output_that_there_is_not_is_said(
    parameters: dict[str, Any], wanted: tuple[str, ...], told: str
) -> None:
    with pytest.raises(MalformedError, match=told):
        served(Scripted(DETECTOR)).answer(
            Message([Named("image", IMAGE)], parameters, wanted)
        )  # fmt: skip
