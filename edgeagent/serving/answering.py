"""One model that answers requests: the device's own fit, engine and decoders, and no server."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeagent.decode import decode
from edgeagent.engines import Engine, Seat
from edgeagent.findings import WHOLE, Detection, Finding
from edgeagent.frame import Picture
from edgeagent.preprocess import Unfit, fit, put
from edgeagent.serving.protocol import DTYPES, MalformedError, Message, Named, Parameters
from edgeagent.serving.terms import OUTPUTS, RAW, said
from edgeagent.tensor import Tensor, TensorSpec

LEAST_PX, MOST_PX = 16, 8192
"""Edges of a picture that is fitted here."""

MOST_LABELS = 1000

_PLANES = ("luma", "u", "v", "to_rgb")
_WAYS = f"image; or picture; or {', '.join(_PLANES)}"
_NAMES = {numpys: name for name, numpys in DTYPES.items()}

_AS_THEY_ARE = np.eye(3, 4, dtype=np.float32)
"""Turns planes that are red, green and blue into red, green and blue."""

Arrays = Mapping[str, NDArray[Any]]


class Served:
    """A model under a name.

    Args:
        name: what the protocol calls it.
        engine: what runs it.
        threshold: lowest score that counts where a request says none.
        top: most labels of a classifier where a request says none.
        platform: format of the file and what runs it, in the protocol's manner.
    """

    def __init__(
        self, name: str, engine: Engine, threshold: float, top: int, platform: str
    ) -> None:
        self.name, self.platform = name, platform
        self.version = engine.bundle.version
        self._engine = engine
        self._threshold, self._top = threshold, top
        self._raw = {RAW + role: spec for role, spec in engine.file.outputs.items()}

    def inputs(self) -> list[dict[str, object]]:
        """Return what it takes, as the protocol's metadata says it."""
        return [{"name": "image", "datatype": "UINT8", "shape": list(self._engine.takes.shape)}]

    def outputs(self) -> list[dict[str, object]]:
        """Return what it gives, the model's own tensors last."""
        task = self._engine.bundle.task
        plain = {"labels": ("BYTES", [-1]), "scores": ("FP32", [-1]), "boxes": ("FP32", [-1, 4])}
        if task == "embed":
            (spec,) = self._raw.values()
            plain["vector"] = _NAMES[spec.dtype], [math.prod(spec.shape)]
        rows = {name: plain[name] for name in OUTPUTS[task]}
        rows |= {name: (_NAMES[spec.dtype], [*spec.shape]) for name, spec in self._raw.items()}
        return [
            {"name": name, "datatype": datatype, "shape": shape}
            for name, (datatype, shape) in rows.items()
        ]

    def answer(self, request: Message) -> Message:
        """Run the model once.

        ``image`` is RGB bytes of just the model's size, or the model's own input where that is no
        bytes; ``picture`` is RGB of any size, and `_PLANES` a picture as a decoder left it: these
        two are fitted as a device does it, and boxes are fractions of them.

        Raises:
            MalformedError: the request will not do, with what would.
            AcceleratorError: the model did not run.
        """
        threshold, top = self._measures(request)
        wanted = self._wanted(request)
        arrays = {one.name: one.array for one in request.tensors}
        with self._engine.seat() as seat:
            unfit = _fill(seat, self._engine.takes, arrays)
            raw = seat.run()
            found = decode(self._engine.bundle, seat.file, raw, threshold, top)
            tensors = said(_back(found, unfit), self._engine.bundle.task)
            tensors += [_own(name, raw, spec) for name, spec in self._raw.items() if name in wanted]
            told: Parameters = {
                "model": seat.file.digest8,
                "engine": seat.name,
                "invoke_us": seat.invoke_us,
            }
        return Message([one for one in tensors if one.name in wanted], told)

    def _measures(self, request: Message) -> tuple[float, int]:
        given = request.parameters
        threshold, top = given.get("threshold", self._threshold), given.get("top", self._top)
        if isinstance(threshold, str | bool) or not 0 <= threshold <= 1:
            raise MalformedError(f"parameters.threshold: {threshold!r} is not 0 to 1")
        if not isinstance(top, int) or isinstance(top, bool) or not 1 <= top <= MOST_LABELS:
            raise MalformedError(f"parameters.top: {top!r} is not 1 to {MOST_LABELS}")
        return float(threshold), top

    def _wanted(self, request: Message) -> tuple[str, ...]:
        plain = OUTPUTS[self._engine.bundle.task]
        known = (*plain, *self._raw)
        for name in request.wanted:
            if name not in known:
                raise MalformedError(f"outputs: {name!r}: no such output; {', '.join(known)}")
        return tuple(request.wanted) or plain


def _fill(seat: Seat, spec: TensorSpec, arrays: Arrays) -> Unfit | None:
    """Write what was sent into the model's input; return the way back where it was fitted."""
    match frozenset(arrays):
        case names if names == {"image"}:
            _image(arrays["image"], seat.input, spec)
            return None
        case names if names == {"picture"}:
            return fit(_of_rgb(arrays["picture"]), WHOLE, seat.input, spec)
        case names if names == {*_PLANES} or names == {"luma", "to_rgb"}:
            return fit(_of_planes(arrays), WHOLE, seat.input, spec)
        case names:
            raise MalformedError(f"inputs: {', '.join(sorted(names)) or 'none'}; give {_WAYS}")


def _image(image: NDArray[Any], into: Tensor, spec: TensorSpec) -> None:
    if image.shape != spec.shape:
        raise MalformedError(f"inputs.image: {list(image.shape)} is not {list(spec.shape)}")
    if image.dtype == np.uint8:
        put(image, into, spec)
    elif image.dtype == into.dtype:
        into[...] = image
    else:
        own = f" or {_NAMES[spec.dtype]}" if spec.dtype != "uint8" else ""
        given = _NAMES.get(image.dtype.name, "BYTES")
        raise MalformedError(f"inputs.image: is of {given}; give UINT8, bytes of RGB,{own}")


def _of_rgb(picture: NDArray[Any]) -> Picture:
    if picture.ndim != 3 or picture.shape[2] != 3:
        raise MalformedError(f"inputs.picture: {list(picture.shape)} is not [height, width, 3]")
    _assert_plane("picture", picture[:, :, 0])
    red, green, blue = (np.ascontiguousarray(picture[:, :, place]) for place in range(3))
    return Picture(red, green, blue, _AS_THEY_ARE)


def _of_planes(arrays: Arrays) -> Picture:
    luma, to_rgb = arrays["luma"], arrays["to_rgb"]
    _assert_plane("luma", luma)
    if to_rgb.shape != (3, 4) or to_rgb.dtype != np.float32 or not np.isfinite(to_rgb).all():
        raise MalformedError("inputs.to_rgb: is not [3, 4] of FP32, and finite")
    u, v = arrays.get("u"), arrays.get("v")
    if u is None or v is None:
        return Picture(luma, None, None, to_rgb)
    sides = [{edge, -(-edge // 2)} for edge in luma.shape]
    for name, plane in (("u", u), ("v", v)):
        fits = plane.ndim == 2 and all(n in of for n, of in zip(plane.shape, sides, strict=True))
        if not fits or plane.dtype != np.uint8 or plane.shape != u.shape:
            raise MalformedError(
                f"inputs.{name}: {list(plane.shape)} of {plane.dtype} does not go with luma of "
                f"{list(luma.shape)}: UINT8, each edge the same or half of it, u as v"
            )
    return Picture(luma, u, v, to_rgb)


def _assert_plane(name: str, plane: NDArray[Any]) -> None:
    if plane.dtype != np.uint8:
        raise MalformedError(f"inputs.{name}: is of {plane.dtype}; give UINT8")
    if plane.ndim != 2 or not all(LEAST_PX <= edge <= MOST_PX for edge in plane.shape):
        shape = list(plane.shape)
        raise MalformedError(
            f"inputs.{name}: {shape} is no picture of {LEAST_PX} to {MOST_PX} pixels a side"
        )


def _back(found: list[Finding], unfit: Unfit | None) -> list[Finding]:
    """Map boxes back to the picture; without one they stay fractions of the model's input."""
    if unfit is None:
        return [one for one in found if not isinstance(one, Detection) or one.box.area > 0]
    return unfit.findings(found)


def _own(name: str, raw: Mapping[str, Tensor], spec: TensorSpec) -> Named:
    # A copy: the tensor is the engine's, and the seat is about to be left.
    tensor = raw[name.removeprefix(RAW)].copy()
    return Named(name, tensor, {"scale": spec.scale, "zero_point": spec.zero_point})
