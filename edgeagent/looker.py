"""Asks the models about a frame: picture, preprocess, engine, decode, for one camera."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from edgeagent import event as events
from edgeagent.aim import aim
from edgeagent.config import Config
from edgeagent.decode import decode
from edgeagent.engines import Engine
from edgeagent.engines.accelerator import Accelerator
from edgeagent.errors import AcceleratorError
from edgeagent.findings import Box, Finding
from edgeagent.frame import Frame, Picture
from edgeagent.health import Health
from edgeagent.laps import Laps, NoLaps
from edgeagent.preprocess import fit
from edgeagent.rate import Bucket

_log = logging.getLogger(__name__)

NO_LAPS = NoLaps()

VECTOR_MARGIN = 0.05
"""Share of a thing's box by which the crop for its vector is larger on each side."""


@dataclass(slots=True)
class Engines:
    """What there is to look with; shared by all cameras, replaced whole by a reload."""

    look: Engine | None = None
    """Looks at what moved; None: motion is all that is reported."""
    vector: Engine | None = None
    """Makes a feature vector of each new track; None: none are made."""
    accelerators: Sequence[Accelerator] = ()
    """What these engines come to once `begin` is called; closed with them."""

    def begin(self) -> None:
        """Begin to open the accelerators: the engines before these have let go of them."""
        for accelerator in self.accelerators:
            accelerator.start()

    def replace_by(self, new: "Engines") -> None:
        """Look with what is ``new``, close what there was, and begin with the accelerators."""
        old = self.all()
        self.look, self.vector, self.accelerators = new.look, new.vector, new.accelerators
        for engine in old:
            engine.close()
        self.begin()

    def all(self) -> list[Engine]:
        """Return those there are."""
        return [engine for engine in (self.look, self.vector) if engine is not None]


@dataclass(frozen=True, slots=True)
class Answer:
    """What an engine said of one region, and which one it was: it may be another each time."""

    findings: list[Finding]
    """Boxes are frame fractions."""
    model: str
    engine: str
    invoke_us: int


NO_ANSWER = Answer([], "", "", 0)


class Looker:
    """Looks at one camera's frames. One thread's own."""

    def __init__(self, name: str, engines: Engines, health: Health) -> None:
        """Take the camera's name, what there is to look with, and who counts; then `retune`."""
        self._name, self._engines, self._health = name, engines, health
        self._later_ms: int | None = None

    def retune(self, config: Config) -> None:
        """Take over the live settings of ``config``."""
        self._model, self._top = config.model, config.events.top
        self._looks = Bucket(config.model.looks_per_s)

    def may_look(self, at_s: float) -> bool:
        """Return whether the rate allows a look now; a slow engine is asked less often."""
        assert self._engines.look is not None
        self._looks.per_s = self._model.looks_per_s * self._engines.look.ease
        return self._looks.take(at_s)

    def look(
        self, frame: Frame, regions: Sequence[Box], threshold: float, laps: Laps
    ) -> tuple[list[Box], list[Answer]]:
        """Ask the model that looks about ``regions``, merged and widened as the settings say.

        Returns:
            Where it was looked, and what was said of each of them; nothing of none where no
            engine answers at present.
        """
        engine = self._engines.look
        assert engine is not None
        picture = self._picture(frame, laps)
        looked = self._aim(regions, picture, engine)
        laps.mark("aim")
        answers = self._answers(engine, picture, looked, threshold, laps)
        return (looked if answers else []), answers

    def vectors(self, frame: Frame, box: Box) -> list[Answer]:
        """Ask the model for vectors, where there is one, about the thing in ``box``."""
        engine = self._engines.vector
        if engine is None:
            return []
        picture = self._picture(frame, NO_LAPS)
        regions = aim([box], picture.size_px, 1, VECTOR_MARGIN, 0.0, 1.0)
        return self._answers(engine, picture, regions, 0.0, NO_LAPS)

    def source(self, answer: Answer) -> events.Source:
        """Return what an event says of where ``answer`` came from."""
        return events.Source(
            self._name, answer.model, answer.engine, answer.invoke_us, self._later_ms
        )

    def _picture(self, frame: Frame, laps: Laps) -> Picture:
        """Return the best picture there is of this moment, and remember its age."""
        detail = frame.detail() if frame.detail else None
        if detail is None:
            self._later_ms = None
            return frame.picture
        laps.mark("detail")
        self._later_ms = round(detail.later_s * 1000)
        return detail.picture

    def _aim(self, regions: Sequence[Box], picture: Picture, engine: Engine) -> list[Box]:
        model = self._model
        _, height_px, width_px, _ = engine.takes.shape
        return aim(
            regions,
            picture.size_px,
            model.max_looks,
            model.margin,
            model.min_region,
            width_px / height_px,
        )

    def _answers(
        self,
        engine: Engine,
        picture: Picture,
        regions: Sequence[Box],
        threshold: float,
        laps: Laps,
    ) -> list[Answer]:
        try:
            return [self._ask(engine, picture, region, threshold, laps) for region in regions]
        except AcceleratorError as error:
            # Whoever opened the engine brings it back, and has said why it is away.
            _log.debug("camera %s: a frame is not looked at: %s", self._name, error)
            self._health.count(f"unseen_total.{self._name}")
            return []

    def _ask(
        self, engine: Engine, picture: Picture, region: Box, threshold: float, laps: Laps
    ) -> Answer:
        with engine.seat() as seat:
            laps.mark("wait")
            unfit = fit(picture, region, seat.input, engine.takes)
            laps.mark("preprocess")
            outputs = seat.run()
            laps.mark("invoke")
            findings = decode(engine.bundle, seat.file, outputs, threshold, self._top)
            by = seat.file.digest8, seat.name, seat.invoke_us
        answer = Answer(unfit.findings(findings), *by)
        self._health.count(f"runs_total.{answer.engine}")
        laps.mark("decode")
        return answer
