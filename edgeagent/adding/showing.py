"""Shows a model some stills, and keeps what it says to them as the bundle's goldens."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeagent.adding.anatomy import Anatomy
from edgeagent.clock import ManualClock
from edgeagent.config import CameraConfig
from edgeagent.decode.golden import goldens
from edgeagent.engines.tflite import find_runtime, load
from edgeagent.engines.trial import ensure_tried
from edgeagent.errors import RuntimeRefusedError
from edgeagent.findings import WHOLE
from edgeagent.frame import Picture
from edgeagent.model import ModelFile, bundles_folder, find_bundle
from edgeagent.preprocess import fit
from edgeagent.sources import open_source
from edgeagent.tensor import Tensor, TensorSpec

STILLS = "coco16-320"
"""The bundle of the release whose golden pictures are shown."""

_AS_THEY_ARE = np.eye(3, 4, dtype=np.float32)
"""Takes the planes of a picture as red, green and blue."""
_LEVELS = np.uint8(0xF8)
"""32 levels a channel: half the bytes, and as good an input as any."""


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What a model said to one still."""

    name: str
    image: NDArray[np.uint8]
    """``[1, height, width, 3]``, RGB bytes before quantisation."""
    outputs: tuple[Tensor, ...]
    """Raw, in file order."""


def show(model: Anatomy, taken: TensorSpec, own: Sequence[Path] = ()) -> list[Shown]:
    """Run ``model`` on stills, after a trial in a process that may crash.

    Args:
        model: a file for the CPU.
        taken: its input; a float one's scale and zero point say how bytes become reals.
        own: stills of the owner's; those that ship, without any.

    Raises:
        RuntimeRefusedError: the runtime does not take it, or does not run it.
        CameraError: a still cannot be read.
    """
    ensure_tried(ModelFile(model.path, model.size_bytes, model.sha256, taken, {}), None)
    interpreter = load(model.path, find_runtime(), threads=1)
    stills = _read(own) if own else _shipped()
    return [_shown(interpreter, taken, name, picture) for name, picture in stills]


def _shipped() -> Iterator[tuple[str, Picture]]:
    for golden in goldens(find_bundle(STILLS, [bundles_folder()])):
        yield golden.name, _picture(golden.image[0])


def _read(stills: Sequence[Path]) -> Iterator[tuple[str, Picture]]:
    for number, path in enumerate(stills):
        camera = CameraConfig(name=path.name, source="images", address=str(path))
        for frame in open_source(camera, ManualClock(), pace=False).frames():
            yield f"{number}-{path.stem}", frame.picture


def _shown(
    interpreter: Any,  # noqa: ANN401
    taken: TensorSpec,
    name: str,
    picture: Picture,
) -> Shown:
    image = np.zeros(taken.shape, np.uint8)
    fit(picture, WHOLE, image, TensorSpec("", taken.shape, "uint8"))
    image &= _LEVELS
    into: Tensor = np.zeros(taken.shape, taken.dtype)
    fit(_picture(image[0]), WHOLE, into, taken)
    try:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], into)
        interpreter.invoke()
    except (ValueError, RuntimeError) as error:
        why = str(error).partition("\n")[0]
        raise RuntimeRefusedError(f"it does not run on a picture: {why}") from error
    details = interpreter.get_output_details()
    return Shown(name, image, tuple(interpreter.get_tensor(one["index"]) for one in details))


def _picture(rgb: NDArray[np.uint8]) -> Picture:
    red, green, blue = (np.ascontiguousarray(rgb[:, :, channel]) for channel in range(3))
    return Picture(red, green, blue, _AS_THEY_ARE)


def keep(shown: list[Shown], roles: Mapping[str, int], folder: Path) -> None:
    """Write what was shown and said as ``golden/*.npz`` in the bundle ``folder``."""
    golden = folder / "golden"
    golden.mkdir()
    for one in shown:
        said: dict[str, Any] = {role: one.outputs[place] for role, place in roles.items()}
        np.savez_compressed(golden / f"{one.name}.npz", image=one.image, **said)
