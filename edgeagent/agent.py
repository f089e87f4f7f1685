"""The agent: the one place where the stages meet, once for each camera.

camera ─▶ source ─▶ motion ─▶ preprocess ─▶ engine ─▶ decode ─▶ track ─▶ event ─▶ outbox
          Frame     Motion    seat.input    tensors   findings  Sighting record   on disk
zones:              mask                              mask      tally
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgeagent import event as events
from edgeagent.aim import aim
from edgeagent.armed import Duty
from edgeagent.attention import Attention
from edgeagent.clock import Clock
from edgeagent.config import CameraConfig, Config
from edgeagent.decode import decode
from edgeagent.engines import Engine
from edgeagent.engines.accelerator import Accelerator
from edgeagent.episode import Episodes
from edgeagent.errors import AcceleratorError
from edgeagent.event import Event, When
from edgeagent.findings import WHOLE, Box, Detection, Embedding, Finding, Motion, Phase, Sighting
from edgeagent.frame import Frame, Picture
from edgeagent.glance import Glance, Glances
from edgeagent.health import Health
from edgeagent.laps import Laps, NoLaps
from edgeagent.motion import MotionGate
from edgeagent.preprocess import fit
from edgeagent.rate import Bucket
from edgeagent.sources import Source
from edgeagent.tally import Tally
from edgeagent.track import Thing, Tracker
from edgeagent.zones import Mask

_log = logging.getLogger(__name__)

NO_LAPS = NoLaps()

Put = Callable[[Event], None]
"""Takes an event into the outbox; never raises, never waits for the link."""


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

    def all(self) -> list[Engine]:
        """Return those there are."""
        return [engine for engine in (self.look, self.vector) if engine is not None]


@dataclass(frozen=True, slots=True)
class _Answer:
    """What an engine said of one region, and which one it was: it may be another each time."""

    findings: list[Finding]
    """Boxes are frame fractions."""
    model: str
    engine: str
    invoke_us: int


NO_ANSWER = _Answer([], "", "", 0)


class Agent:
    """Takes the frames of one camera from source to outbox. One thread's own."""

    def __init__(
        self,
        camera: CameraConfig,
        config: Config,
        engines: Engines,
        clock: Clock,
        health: Health | None = None,
        kernel: str = "",
    ) -> None:
        self.name = camera.name
        self._camera = camera
        self._engines = engines
        self._clock = clock
        self.health = health or Health()
        self._kernel = kernel
        self._gate = MotionGate(config.motion)
        self._episodes = Episodes(config.motion)
        self._tracker = Tracker(config.events)
        self._tally = Tally(camera.zone, camera.line, config.events)
        self._next: Config | None = config
        self._answer = NO_ANSWER
        self._later_ms: int | None = None
        self.attention = Attention()
        """Whether this agent wants every frame now; the camera may follow it."""
        self._stirred_s = 0.0
        self.glances = Glances()
        """Looks that are wanted whatever moves; any thread may ask."""
        self._retune()

    def retune(self, config: Config) -> None:
        """Take over the live settings of ``config`` before the next frame; any thread may ask."""
        self._next = config

    def _retune(self) -> None:
        config, self._next = self._next, None
        if config is None:
            return
        self._camera = next((c for c in config.camera if c.name == self.name), self._camera)
        self._mask = Mask(self._camera.zone)
        self._duty = Duty(self._camera.armed, self._clock)
        self._tally.retune(self._camera.zone, self._camera.line, config.events)
        self._model = config.model
        self._every = [] if config.motion.gate else [WHOLE]
        self._gate.retune(config.motion)
        self._episodes.config = config.motion
        self._tracker.config = config.events
        self._still_s = config.motion.still_s
        self._top = config.events.top
        self._looks = Bucket(config.model.looks_per_s)
        self._speech = Bucket(config.events.per_minute / 60, burst=config.events.per_minute / 6)
        self._vectors = Bucket(config.events.vectors_per_s, burst=4)

    def run(self, source: Source, put: Put, laps: Laps = NO_LAPS) -> None:
        """See every frame of ``source`` until it ends or is closed.

        Raises:
            CameraError: the source gave up.
        """
        last: Frame | None = None
        try:
            for last in source.frames():
                laps.mark("source")
                self._take(last, put, laps)
        finally:
            for event in self._rest(last) if last else ():
                put(event)

    def _take(self, frame: Frame, put: Put, laps: Laps) -> None:
        part = f"camera {self.name}"
        self.health.busy(part, self._clock.mono_s())
        for event in self.see(frame, laps):
            put(event)
        laps.mark("outbox")
        self.health.rests(part)

    def see(self, frame: Frame, laps: Laps = NO_LAPS) -> list[Event]:
        """Return what ``frame`` is worth saying. The bench times exactly this."""
        self._retune()
        self._count("frames")
        motion = self._gate.admit(frame)
        self._attend(frame.mono_s)
        laps.mark("motion")
        if not self._duty.armed(frame.mono_s, frame.wall_ms):
            self._refuse("it is not armed now; see camera.armed")
            return []
        motion = self._mask.motion(motion)
        if motion is not None:
            self._count("moved")
        if self._episodes.update(motion, frame.mono_s):
            self._tracker.went_still()
        vectors = self._look(frame, motion, laps)
        said = self._say(frame, vectors)
        laps.mark("event")
        return said

    def _attend(self, at_s: float) -> None:
        if not self._gate.quiet:
            self._stirred_s = at_s
        self.attention.every = bool(self.glances) or at_s - self._stirred_s < self._still_s

    def look_soon(self, wish: str) -> Glance:
        """Have the next frame looked at, all of it, as if it had moved; any thread may ask."""
        glance = self.glances.ask(wish)
        self.attention.every = True
        return glance

    def _refuse(self, why: str) -> None:
        for glance in self.glances.take():
            glance.refuse(why)

    def in_view(self) -> list[Thing]:
        """Return everything that has been seen often enough and is there now."""
        return [thing for _, thing in self._tracker.in_view()]

    def _look(self, frame: Frame, motion: Motion | None, laps: Laps) -> list[Event]:
        """Ask the model about what moved or is in doubt; return vectors it gave of the whole."""
        engine, at_s = self._engines.look, frame.mono_s
        if engine is None:
            self._refuse("no model looks; see model.name, and the engine's fault in stat")
            return []
        asked = self.glances.take()
        regions = self._regions(motion, asked)
        if not (regions or self._tracker.open_questions(at_s)):
            return []
        self._looks.per_s = self._model.looks_per_s * engine.ease
        if not (self._looks.take(at_s) or asked):
            return []
        picture = self._picture(frame, laps)
        looked = self._aim([*regions, *self._tracker.questions(at_s)], picture, engine)
        laps.mark("aim")
        answers = self._answers(engine, picture, looked, laps)
        if answers is None:
            for glance in asked:
                glance.refuse("no engine answers at present; see its state in stat")
            return []
        self._answer = answers[-1]
        findings = [finding for answer in answers for finding in answer.findings]
        self._count("looks", len(looked))
        findings = self._mask.findings(findings)
        self._tracker.update(findings, at_s, looked)
        self._tally.update(self._tracker.in_view(), at_s)
        laps.mark("track")
        return self._vector_events(findings, frame) + self._reply(asked, findings, frame)

    def _regions(self, motion: Motion | None, asked: Sequence[Glance]) -> list[Box]:
        return [WHOLE] if asked else self._every or (list(motion.regions) if motion else [])

    def _reply(
        self, asked: Sequence[Glance], findings: Sequence[Finding], frame: Frame
    ) -> list[Event]:
        """Tell those who ``asked`` what is in view; return the events that say it to all."""
        if not asked:
            return []
        seen, when = self._tracker.sure(findings), self._when(frame)
        source = self._source(self._answer)
        for glance in asked:
            glance.settle(seen)
        self._count("asked", len(asked))
        return [events.from_glance(glance.id, seen, source, when) for glance in asked]

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
        self, engine: Engine, picture: Picture, regions: Sequence[Box], laps: Laps
    ) -> list[_Answer] | None:
        """Return what ``engine`` says of each region, None where nothing answers at present."""
        try:
            return [self._ask(engine, picture, region, laps) for region in regions]
        except AcceleratorError as error:
            # Whoever opened the engine brings it back, and has said why it is away.
            _log.debug("camera %s: a frame is not looked at: %s", self.name, error)
            self._count("unseen")
            return None

    def _ask(self, engine: Engine, picture: Picture, region: Box, laps: Laps) -> _Answer:
        """Return what ``engine`` says of ``region``."""
        with engine.seat() as seat:
            laps.mark("wait")
            unfit = fit(picture, region, seat.input, engine.takes)
            laps.mark("preprocess")
            outputs = seat.run()
            laps.mark("invoke")
            threshold = self._tracker.keep_threshold
            findings = decode(engine.bundle, seat.file, outputs, threshold, self._top)
            by = seat.file.digest8, seat.name, seat.invoke_us
        answer = _Answer(unfit.findings(findings), *by)
        self.health.count(f"runs_total.{answer.engine}")
        laps.mark("decode")
        return answer

    def _vector_events(self, findings: Sequence[Finding], frame: Frame) -> list[Event]:
        at_s = frame.mono_s
        vectors = [f for f in findings if isinstance(f, Embedding) and self._vectors.take(at_s)]
        source = self._source(self._answer)
        return [events.from_embedding(v, None, source, self._when(frame)) for v in vectors]

    def _say(self, frame: Frame, vectors: list[Event]) -> list[Event]:
        """Return the events of this frame; what may not be said yet is kept by its teller."""
        at_s = frame.mono_s
        if not (
            self._episodes.has_news(at_s) or self._tracker.has_news() or self._tally.has_news(at_s)
        ):
            return vectors
        if not self._speech.take(at_s):
            self._count("withheld")
            return vectors
        said = self._motion_events(frame) + self._thing_events(frame) + vectors
        said += self._tally_events(frame)
        self._count("events", len(said))
        return said

    def _motion_events(self, frame: Frame) -> list[Event]:
        episode = self._episodes.say(frame.mono_s)
        if episode is None:
            return []
        return [events.from_episode(episode, events.Source(self.name), self._when(frame))]

    def _thing_events(self, frame: Frame) -> list[Event]:
        counts = self._tracker.counts()
        sightings = self._tracker.say(frame.mono_s)
        if not sightings:
            return []
        source, when = self._source(self._answer), self._when(frame)
        event = events.from_sightings(sightings, counts, source, when)
        return [event, *self._track_vectors(sightings, frame, when)]

    def _tally_events(self, frame: Frame, last: bool = False) -> list[Event]:
        told = self._tally.say(frame.mono_s, last)
        return events.from_told(told, events.Source(self.name), self._when(frame))

    def _rest(self, frame: Frame) -> list[Event]:
        """Return what was counted and not said, after the last frame."""
        said = self._tally_events(frame, last=True)
        self._count("events", len(said))
        return said

    def _track_vectors(
        self, sightings: Sequence[Sighting], frame: Frame, when: When
    ) -> list[Event]:
        """Return a feature vector of each new track, as far as the rate allows."""
        engine = self._engines.vector
        if engine is None:
            return []
        made = []
        for sighting in sightings:
            thing = sighting.finding
            new = sighting.phase is Phase.IN and isinstance(thing, Detection)
            if new and self._vectors.take(frame.mono_s):
                made += self._track_vector(engine, sighting, frame, when)
        return made

    def _track_vector(
        self, engine: Engine, sighting: Sighting, frame: Frame, when: When
    ) -> list[Event]:
        assert isinstance(sighting.finding, Detection)
        picture = self._picture(frame, NO_LAPS)
        regions = aim([sighting.finding.box], picture.size_px, 1, 0.05, 0.0, 1.0)
        return [
            events.from_embedding(vector, sighting.track, self._source(answer), when)
            for answer in self._answers(engine, picture, regions, NO_LAPS) or ()
            for vector in answer.findings
            if isinstance(vector, Embedding)
        ]

    def _source(self, answer: _Answer) -> events.Source:
        return events.Source(
            self.name, answer.model, answer.engine, answer.invoke_us, self._later_ms
        )

    def _when(self, frame: Frame) -> When:
        mono_ms = int(frame.mono_s * 1000)
        return When(mono_ms, frame.wall_ms, self._clock.trusted(), self._kernel)

    def _count(self, what: str, by: int = 1) -> None:
        self.health.count(f"{what}_total.{self.name}", by)
