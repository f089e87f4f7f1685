"""The agent: the one place where the stages meet, once for each camera.

camera ─▶ source ─▶ motion ─▶ preprocess ─▶ engine ─▶ decode ─▶ track ─▶ event ─▶ outbox
          Frame     Motion    seat.input    tensors   findings  Sighting record   on disk
zones:              mask                              mask      tally

From preprocess to decode the way lies in looker.py.
"""

from collections.abc import Callable, Sequence

from edgeagent import event as events
from edgeagent.armed import Duty
from edgeagent.attention import Attention
from edgeagent.clock import Clock
from edgeagent.config import CameraConfig, Config
from edgeagent.episode import Episodes
from edgeagent.event import Event, When
from edgeagent.findings import WHOLE, Box, Detection, Embedding, Finding, Motion, Phase, Sighting
from edgeagent.frame import Frame
from edgeagent.glance import Glance, Glances
from edgeagent.glimpse import Glimpse
from edgeagent.health import Health
from edgeagent.laps import Laps
from edgeagent.looker import NO_ANSWER, NO_LAPS, Answer, Engines, Looker
from edgeagent.motion import MotionGate
from edgeagent.rate import Bucket
from edgeagent.sources import Source
from edgeagent.tally import Tally
from edgeagent.track import Thing, Tracker
from edgeagent.zones import Mask

Put = Callable[[Event], None]
"""Takes an event into the outbox; never raises, never waits for the link."""


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
        glimpse: Glimpse | None = None,
    ) -> None:
        self.name = camera.name
        self._camera = camera
        self._engines = engines
        self._clock = clock
        self.health = health or Health()
        self._kernel = kernel
        self._glimpse = glimpse or Glimpse()
        self._gate = MotionGate(config.motion)
        self._episodes = Episodes(config.motion)
        self._tracker = Tracker(config.events)
        self._tally = Tally(camera.zone, camera.line, config.events)
        self._next: Config | None = config
        self._answer = NO_ANSWER
        self._looker = Looker(camera.name, engines, self.health)
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
        self._looker.retune(config)
        self._every = [] if config.motion.gate else [WHOLE]
        self._gate.retune(config.motion)
        self._episodes.config = config.motion
        self._tracker.config = config.events
        self._still_s = config.motion.still_s
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
            self._rest_unarmed(frame)
            return []
        motion = self._mask.motion(motion)
        if motion is not None:
            self._count("moved")
        if self._episodes.update(motion, frame.mono_s):
            self._tracker.went_still()
        vectors = self._look(frame, motion, laps)
        if self._glimpse.wanted:
            self._glimpse.take(frame, motion, self._tracker.in_view())
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

    def _rest_unarmed(self, frame: Frame) -> None:
        self._refuse("it is not armed now; see camera.armed")
        if self._glimpse.wanted:
            self._glimpse.rest(frame)

    def _refuse(self, why: str) -> None:
        _refuse_all(self.glances.take(), why)

    def in_view(self) -> list[Thing]:
        """Return everything that has been seen often enough and is there now."""
        return [thing for _, thing in self._tracker.in_view()]

    def _look(self, frame: Frame, motion: Motion | None, laps: Laps) -> list[Event]:
        """Ask the model about what moved or is in doubt; return vectors it gave of the whole."""
        at_s = frame.mono_s
        if self._engines.look is None:
            self._refuse("no model looks; see model.name, and the engine's fault in stat")
            return []
        asked = self.glances.take()
        regions = self._regions(motion, asked)
        if not (regions or self._tracker.open_questions(at_s)):
            return []
        if not (self._looker.may_look(at_s) or asked):
            return []
        regions += self._tracker.questions(at_s)
        looked, answers = self._looker.look(frame, regions, self._tracker.keep_threshold, laps)
        if not answers:
            _refuse_all(asked, "no engine answers at present; see its state in stat")
            return []
        findings = self._learn(looked, answers, at_s)
        laps.mark("track")
        return self._vector_events(findings, frame) + self._reply(asked, findings, frame)

    def _learn(
        self, looked: Sequence[Box], answers: Sequence[Answer], at_s: float
    ) -> list[Finding]:
        """Take in what was said of what was ``looked`` at; return what may be spoken of."""
        self._answer = answers[-1]
        self._count("looks", len(looked))
        findings = self._mask.findings([one for answer in answers for one in answer.findings])
        self._tracker.update(findings, at_s, looked)
        self._tally.update(self._tracker.in_view(), at_s)
        return findings

    def _regions(self, motion: Motion | None, asked: Sequence[Glance]) -> list[Box]:
        return [WHOLE] if asked else self._every or (list(motion.regions) if motion else [])

    def _reply(
        self, asked: Sequence[Glance], findings: Sequence[Finding], frame: Frame
    ) -> list[Event]:
        """Tell those who ``asked`` what is in view; return the events that say it to all."""
        if not asked:
            return []
        seen, when = self._tracker.sure(findings), self._when(frame)
        source = self._looker.source(self._answer)
        for glance in asked:
            glance.settle(seen)
        self._count("asked", len(asked))
        return [events.from_glance(glance.id, seen, source, when) for glance in asked]

    def _vector_events(self, findings: Sequence[Finding], frame: Frame) -> list[Event]:
        at_s = frame.mono_s
        vectors = [f for f in findings if isinstance(f, Embedding) and self._vectors.take(at_s)]
        source = self._looker.source(self._answer)
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
        source, when = self._looker.source(self._answer), self._when(frame)
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
        if self._engines.vector is None:
            return []
        made = []
        for sighting in sightings:
            thing = sighting.finding
            new = sighting.phase is Phase.IN and isinstance(thing, Detection)
            if new and self._vectors.take(frame.mono_s):
                made += self._track_vector(sighting, frame, when)
        return made

    def _track_vector(self, sighting: Sighting, frame: Frame, when: When) -> list[Event]:
        assert isinstance(sighting.finding, Detection)
        return [
            events.from_embedding(vector, sighting.track, self._looker.source(answer), when)
            for answer in self._looker.vectors(frame, sighting.finding.box)
            for vector in answer.findings
            if isinstance(vector, Embedding)
        ]

    def _when(self, frame: Frame) -> When:
        # Not the frame's own wall time: the clock may have been set since it was taken.
        return events.at(frame.mono_s, self._clock, self._kernel)

    def _count(self, what: str, by: int = 1) -> None:
        self.health.count(f"{what}_total.{self.name}", by)


def _refuse_all(glances: Sequence[Glance], why: str) -> None:
    for glance in glances:
        glance.refuse(why)
