"""Holds a model server's answers against a device's, on the same frames."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
import numpy as np

from edgeagent.decode import decode
from edgeagent.engines import Engine
from edgeagent.findings import WHOLE
from edgeagent.frame import Picture
from edgeagent.preprocess import fit, put
from edgeagent.serving.client import Server
from edgeagent.serving.likeness import Pair, agreement
from edgeagent.serving.protocol import Message, Named
from edgeagent.serving.terms import heard
from edgeagent.tensor import TensorSpec

Sent = Literal["image", "picture"]
"""What goes to the server: what the device has fitted, or the whole picture to be fitted there."""


@dataclass(frozen=True, slots=True)
class Way:
    """How frames are asked about."""

    model: str
    """The server's name of it."""
    sent: Sent = "image"
    threshold: float = 0.4
    top: int = 1


@dataclass(slots=True)
class Times:
    """Milliseconds of each frame: fit, run and decode; ask and hear; the model alone over there."""

    device: list[float] = field(default_factory=list)
    cloud: list[float] = field(default_factory=list)
    model: list[float] = field(default_factory=list)


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to be said of all frames."""

    model: str
    engine: str
    digest: str
    server: str
    served: str
    served_digest: str
    platform: str
    sent: Sent
    frames: int
    device: int
    """Boxes, labels or vectors that the device gave."""
    cloud: int
    matched: int
    agreement: float
    """Twice what is matched by all that was said, 0 to 1; for vectors the mean cosine."""
    likeness: float | None
    """Mean overlap of matched boxes; for vectors the least cosine."""
    score_mean: float | None
    """The cloud's scores less the device's, of what is matched."""
    score_absolute: float | None
    ms: dict[str, tuple[float, float]]
    """Median and 90th percentile of each of `Times`."""
    sent_bytes: int
    """Of a frame, without HTTP's headers."""
    received_bytes: int

    def json(self) -> str:
        """Return it as one JSON object."""
        return msgspec.json.encode(self).decode()

    def lines(self) -> list[str]:
        """Return it for a person."""
        return [
            f"{self.model} {self.digest} on {self.engine}; {self.served} {self.served_digest} "
            f"({self.platform}) at {self.server}; {self.frames} frames",
            f"{'':18}{'device':>12}{'cloud':>12}",
            f"{'found':18}{self.device:>12,}{self.cloud:>12,}",
            f"{'matched':18}{self.matched:>12,}{self.matched:>12,}",
            f"{'only there':18}{self.device - self.matched:>12,}{self.cloud - self.matched:>12,}",
            f"{'ms p50':18}{self.ms['device'][0]:>12.1f}{self.ms['cloud'][0]:>12.1f}"
            f"  the model alone {self.ms['model'][0]:.1f}",
            f"{'ms p90':18}{self.ms['device'][1]:>12.1f}{self.ms['cloud'][1]:>12.1f}"
            f"  the model alone {self.ms['model'][1]:.1f}",
            f"{'bytes a frame':18}{0:>12,}{self.sent_bytes:>12,}  answer {self.received_bytes:,}",
            f"agreement {self.agreement:.3f}; likeness {_shown(self.likeness)}; scores "
            f"{_shown(self.score_mean, '+')} on average, {_shown(self.score_absolute)} absolute",
        ]


def compare(engine: Engine, server: Server, way: Way, pictures: Iterator[Picture]) -> Comparison:
    """Ask both about every picture.

    Raises:
        ServingError: the server does not answer, or has no such model.
        AcceleratorError: the device's engine does not answer.
    """
    told = server.metadata(way.model)
    times, pairs, digest = Times(), [], ""
    for picture in pictures:
        pair, digest = _both(engine, server, way, picture, times)
        pairs.append(pair)
    count = max(len(pairs), 1)
    return Comparison(
        model=engine.bundle.name,
        engine=engine.name,
        digest=engine.file.digest8,
        server=server.url,
        served=way.model,
        served_digest=digest,
        platform=str(told.get("platform", "")),
        sent=way.sent,
        frames=len(pairs),
        ms={name: _spread(getattr(times, name)) for name in ("device", "cloud", "model")},
        sent_bytes=server.bytes.sent // count,
        received_bytes=server.bytes.received // count,
        **agreement(pairs, engine.bundle.task),
    )


def _both(
    engine: Engine, server: Server, way: Way, picture: Picture, times: Times
) -> tuple[Pair, str]:
    spec = engine.takes
    # As bytes, whatever the model's input is: what a model of another type takes as well.
    image = np.zeros(spec.shape, np.uint8)
    began_s = time.perf_counter()
    unfit = fit(picture, WHOLE, image, TensorSpec("", spec.shape, "uint8"))
    with engine.seat() as seat:
        put(image, seat.input, spec)
        raw = seat.run()
        ours = unfit.findings(decode(engine.bundle, seat.file, raw, way.threshold, way.top))
    ran_s = time.perf_counter()
    answer = server.infer(way.model, _request(way, image, picture))
    theirs = heard(answer, engine.bundle.task)
    times.cloud.append((time.perf_counter() - ran_s) * 1000)
    times.device.append((ran_s - began_s) * 1000)
    times.model.append(_number(answer.parameters.get("invoke_us")) / 1000)
    theirs = unfit.findings(theirs) if way.sent == "image" else theirs
    return Pair(ours, theirs), str(answer.parameters.get("model", ""))


def _request(way: Way, image: Any, picture: Picture) -> Message:  # noqa: ANN401
    measures = {"threshold": way.threshold, "top": way.top}
    if way.sent == "image":
        return Message([Named("image", image)], measures)
    planes = {"luma": picture.y, "u": picture.u, "v": picture.v, "to_rgb": picture.to_rgb}
    held = {name: plane for name, plane in planes.items() if plane is not None}
    return Message([Named(name, plane) for name, plane in held.items()], measures)


def _number(given: object) -> float:
    return float(given) if isinstance(given, int | float) else 0.0


def _shown(value: float | None, sign: str = "") -> str:
    return "-" if value is None else f"{value:{sign}.4f}"


def _spread(values: Sequence[float]) -> tuple[float, float]:
    return (
        (float(np.percentile(values, 50)), float(np.percentile(values, 90)))
        if values
        else (0.0, 0.0)
    )
