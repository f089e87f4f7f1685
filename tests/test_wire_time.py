"""The time that is told, through every history a wall clock can have."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from edgeagent import event
from edgeagent.clock import ManualClock
from edgeagent.event import Event
from edgeagent.identity import Identity
from edgeagent.reckoning import KEPT, Reckoning
from edgeagent.wire.fields import event_fields

BEGIN_MS = 1_790_000_000_000
DAY_S = 86400.0
TOLERANCE_MS = 1500
"""How wrong a clock may be that a time server has set: that much of it we believe."""
STEPS_S = (-DAY_S, -10.0, -0.5, 0.5, 10.0, DAY_S)


class Stored:
    """An event in the outbox, and what only the test knows of it."""

    def __init__(self, told: Event, true_ms: int) -> None:
        self.record, self.when, self.true_ms = event.encode(told), told.when, true_ms


class Histories(RuleBasedStateMachine):
    @initialize(wall_ms=st.sampled_from([0, BEGIN_MS - 30 * 86_400_000]))
    def begin(self, wall_ms: int) -> None:
        memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
        self.folder = Path(tempfile.mkdtemp(dir=memory))
        self.true_ms = BEGIN_MS
        self.kernels = 0
        self.outbox: list[Stored] = []
        self.known: set[str] = set()
        """Kernel boots in which the agent once saw a clock that was right."""
        self.power_comes_on(wall_ms)

    # --- the machine

    @precondition(lambda self: self.kernels < KEPT)
    @rule(wall_ms=st.sampled_from([0, BEGIN_MS - 30 * 86_400_000]))
    def power_comes_on(self, wall_ms: int) -> None:
        """A kernel boots with no clock, or with the last time it knew."""
        self.kernels += 1
        self.kernel = f"{self.kernels:08x}"
        self.clock = ManualClock(mono_s=0.0, wall_ms=wall_ms)
        self.clock.is_trusted = False
        self.agent: Reckoning | None = None
        self.agent_starts()

    @rule(seconds=st.sampled_from([0.3, 1.0, 5.0, 3600.0, DAY_S]))
    def time_passes(self, seconds: float) -> None:
        self.true_ms += round(seconds * 1000)
        self.clock.advance(seconds)
        self.look()

    @rule(error_ms=st.integers(-TOLERANCE_MS // 2, TOLERANCE_MS // 2))
    def a_time_server_sets_the_clock(self, error_ms: int) -> None:
        self.clock.set_wall(self.true_ms + error_ms)
        self.clock.is_trusted = True

    @rule(seconds=st.sampled_from(STEPS_S))
    def a_hand_sets_the_clock(self, seconds: float) -> None:
        self.clock.set_wall(self.clock.wall_ms() + round(seconds * 1000))
        self.clock.is_trusted = False

    @rule()
    def the_time_server_is_gone_for_long(self) -> None:
        self.clock.is_trusted = False

    # --- the agent

    @rule()
    def agent_is_killed(self) -> None:
        self.agent = None

    @precondition(lambda self: self.agent is None)
    @rule()
    def agent_starts(self) -> None:
        self.agent = Reckoning(self.clock, self.kernel, self.folder, lambda _: None)
        self.look()

    def look(self) -> None:
        """As the supervisor does, once a second."""
        if self.agent is not None:
            self.agent.look()
            self.known |= self.agent.ahead_ms.keys()

    @precondition(lambda self: self.agent is not None)
    @rule(late_s=st.sampled_from([0.0, 0.2, 3.0]))
    def a_frame_is_worth_an_event(self, late_s: float) -> None:
        """A frame taken a while ago, for looking takes its time."""
        when = event.at(self.clock.mono_s() - late_s, self.clock, self.kernel)
        self.outbox.append(Stored(Event("label", when), self.true_ms - round(late_s * 1000)))

    @precondition(lambda self: self.agent is not None and self.outbox)
    @rule(data=st.data())
    def some_are_published(self, data: st.DataObject) -> None:
        for _ in range(data.draw(st.integers(1, len(self.outbox)))):
            self.judge(self.outbox.pop(0))

    def judge(self, stored: Stored) -> None:
        assert self.agent is not None
        told, then = event.decode(stored.record), stored.when
        who = Identity("pi", "1-00000000", 0, 0)
        fields: dict[str, Any] = event_fields(
            told, who, self.clock, self.kernel, ahead_ms=self.agent.ahead_ms
        )
        is_here = then.kernel == self.kernel
        is_known = then.kernel in self.known or (is_here and self.clock.is_trusted)
        assert fields["tsq"] == (1 if then.trusted else 2 if is_known else 0)
        if fields["tsq"]:
            assert abs(fields["ts"] - stored.true_ms) <= TOLERANCE_MS
            assert "mono" not in fields
        else:
            assert fields["ts"] == max(then.wall_ms, 0)
            assert (fields["mono"], fields["kb"]) == (then.mono_ms, then.kernel)
        if is_here or ("age" in fields and fields["tsq"]):
            assert abs(fields["age"] - (self.true_ms - stored.true_ms)) <= 2 * TOLERANCE_MS

    @invariant()
    def what_the_agent_reckons_is_right(self) -> None:
        reckoned = self.agent.ahead_ms if self.agent is not None else {}
        if self.kernel in reckoned:
            at_ms = round(self.clock.mono_s() * 1000) + reckoned[self.kernel]
            assert abs(at_ms - self.true_ms) <= TOLERANCE_MS

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)


Histories.TestCase.settings = settings(
    max_examples=100, stateful_step_count=40, deadline=None, database=None
)
test_every_time_that_is_told_is_right_or_said_not_to_be = Histories.TestCase
