"""The desired state: taken up once per version, and no message, however bad, holds the agent."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeagent import audit
from edgeagent.bulletin import Bulletin, State
from edgeagent.cli import main
from edgeagent.clock import ManualClock
from edgeagent.commands import Books, Desired
from edgeagent.commands.wanted import MAX_BYTES, VERSION_MAX, parsed
from edgeagent.config import CameraConfig, Config
from edgeagent.errors import UsageError
from edgeagent.findings import Notice
from edgeagent.health import Health
from edgeagent.link.memory import MemoryLink
from edgeagent.overlay import FALLS_MAX, FILE, read
from edgeagent.probation import LONG_S, TRIAL_S, Probation
from tests.wires import everywhere, validator

CONFIG = Config(camera=[CameraConfig(name="yard", source="synthetic")])
WELL = Bulletin(states={"camera.yard": State()})
ILL = Bulletin(states={"camera.yard": State("fault", "silent", "no frame", "see to it")})


class Life:
    """One agent's life in a state folder, at a broker that says what is retained at its connect."""

    def __init__(self, folder: Path, ended: str, clock: ManualClock, retained: bytes = b"") -> None:
        self.clock, self.health, self.told = clock, Health(), list[Notice]()
        self.reports = 0
        self.probation = Probation(CONFIG, None, folder, self.told.append, clock)
        self.config = self.probation.begin(ended)
        books = Books(folder, clock)
        self.desired = Desired(
            self.probation, books, clock, self.health, self.told.append, self._count
        )
        self.link = MemoryLink()
        self.link.listen(None, self.desired.hear)
        self.link.come_up()
        if retained:
            self.say(retained)

    def _count(self) -> None:
        self.reports += 1

    def say(self, payload: bytes) -> None:
        """Have the broker say it, and the agent look at once."""
        self.link.desire(payload)
        self.tick()

    def tick(self, bulletin: Bulletin = WELL) -> None:
        if self.desired.tick(lambda: bulletin):
            self.config, _ = self.probation.read()

    def live(self, for_s: float, bulletin: Bulletin = WELL) -> None:
        """Look at the beginning and at the end of ``for_s``, and once more."""
        self.tick()
        self.clock.advance(for_s)
        self.tick(bulletin)
        self.tick(bulletin)

    def reported(self) -> dict[str, Any]:
        return everywhere("reported", self.desired.reported("pi"))


class Lives:
    """Agents of one state folder, started one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, ManualClock()

    def start(self, ended: str = "none", retained: bytes = b"") -> Life:
        return Life(self.folder, ended, self.clock, retained)

    def log(self) -> list[dict[str, Any]]:
        lines = (self.folder / audit.FILE).read_text().splitlines()
        return [json.loads(line) for line in lines]


@pytest.fixture
def lives(tmp_path: Path) -> Lives:
    return Lives(tmp_path)


WANTED = validator("desired")


def state(version: int, values: Mapping[str, object], wish: str = "") -> bytes:
    told = {"version": version, "id": wish or f"a{version}", "values": values}
    WANTED.validate(told)
    return json.dumps(told).encode()


def test_nothing_is_reported_where_nothing_was_desired(lives: Lives) -> None:
    assert lives.start().reported().items() >= {"s": "none", "now": 0, "set": {}}.items()


def test_a_state_is_tried_kept_and_told_of(lives: Lives) -> None:
    life = lives.start(retained=state(7, {"events.top": 3, "motion.gate": False}))
    assert (life.config.events.top, life.config.motion.gate) == (3, False)
    told = life.reported()
    assert (told["s"], told["ver"], told["id"], told["now"]) == ("trying", 7, "a7", 7)
    assert told["set"] == {"events.top": 3, "motion.gate": False}
    life.live(TRIAL_S + 1)
    assert life.reported()["s"] == "kept"
    assert [notice.what for notice in life.told] == ["kept"]
    assert life.reports == 2
    assert [line["what"] for line in lives.log()] == ["begun", "done"]
    assert lives.start("killed").config.events.top == 3


def test_what_the_broker_says_again_at_each_connect_is_done_once(lives: Lives) -> None:
    again = state(7, {"events.top": 3})
    life = lives.start(retained=again)
    before = (lives.folder / FILE).stat()
    for _ in range(50):
        life.clock.advance(61)
        life.link.come_up()
        life.link.desire(again)
    assert (lives.folder / FILE).stat().st_ino == before.st_ino
    assert life.health.counted("desired_total") == 1


def test_a_state_takes_the_place_of_all_that_was_set_from_afar(lives: Lives) -> None:
    life = lives.start()
    life.probation.try_({"events.min_hits": 5}, "order a1")
    life.say(state(7, {"events.top": 3, "events.gone_s": None}))
    assert (life.config.events.top, life.config.events.min_hits) == (3, CONFIG.events.min_hits)
    life.clock.advance(61)
    life.say(state(8, {}))
    assert life.config.events.top == CONFIG.events.top
    assert life.reported().items() >= {"now": 8, "set": {}}.items()


def test_a_lower_version_of_last_week_is_refused(lives: Lives) -> None:
    old = state(6, {"events.top": 9})
    life = lives.start(retained=old)
    life.say(state(7, {"events.top": 3}))
    life.live(TRIAL_S + 7 * 86_400)
    life.say(old)
    assert life.config.events.top == 3
    assert life.reported()["no"]["why"].startswith("version 6 is lower than 7, which was tried")
    assert [notice.what for notice in life.told] == ["kept", "refused"]
    later = lives.start("clean", retained=old)
    assert later.config.events.top == 3


def test_other_values_under_a_version_that_was_tried_are_refused(lives: Lives) -> None:
    life = lives.start(retained=state(7, {"events.top": 3, "events.gone_s": 4}))
    life.say(state(7, {"events.top": 9}))
    assert life.config.events.top == 3
    assert "version 7 had other values before" in life.reported()["no"]["why"]
    life.say(b'{"values": {"events.gone_s": 4, "events.top": 3}, "id": "x", "version": 7}')
    assert "no" not in life.reported()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("mqtt.host", "evil.example"),
        ("mqtt.tls", False),
        ("commands.allow", ["restart"]),
        ("commands.desired", True),
        ("page.insecure", True),
        ("model.folder", "/tmp"),
        ("model.library", "/tmp/evil.so"),
        ("model.device", "cpu"),
        ("outbox.folder", "/etc"),
        ("clock.flag", "/etc/passwd"),
        ("camera.address", "/dev/mem"),
        ("camera.password_file", "/etc/shadow"),
        ("health.stuck_s", 600),
        ("events.__class__", 1),
        ("events.treshold", 0.5),
        ("events.top", 0),
        ("events.top", True),
        ("events.threshold", "0.5"),
        ("events.labels", [7]),
    ],
)
def test_one_value_that_may_not_be_set_and_none_is(path: str, value: object, lives: Lives) -> None:
    told = {"version": 7, "id": "a7", "values": {"events.min_hits": 9, path: value}}
    life = lives.start(retained=json.dumps(told).encode())
    assert life.config == CONFIG
    refused = life.reported()["no"]
    assert refused["why"].startswith(f"{path}: ")
    assert (refused["ver"], refused["id"]) == (7, "a7")
    assert not (lives.folder / FILE).exists()
    life.say(state(7, {"events.min_hits": 9}))
    assert life.config.events.min_hits == 9


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"now!", "it is not JSON"),
        (b"\xff\xfe", "it is not JSON"),
        (b'{"version": 7, "id": "a7", "values": {"x": ' + b"[" * 4000, "it is not JSON"),
        (b'{"version": NaN, "id": "a", "values": {}}', "it is not JSON"),
        (b"[1]", "Expected `object`, got `array`"),
        (b'{"version": 7, "id": "a7"}', "missing required field `values`"),
        (b'{"version": 7, "id": "a7", "values": [1]}', "Expected `object`, got `array`"),
        (b'{"version": 0, "id": "a7", "values": {}}', "Expected `int` >= 1"),
        (b'{"version": true, "id": "a7", "values": {}}', "Expected `int`"),
        (b'{"version": 9007199254740992, "id": "a7", "values": {}}', "Expected `int` <="),
        (b'{"version": 7, "id": "a b", "values": {}}', "matching regex"),
        (b'{"version": 7, "id": "a7", "values": {}, "and": 1}', "unknown field `and`"),
        (b" " * (MAX_BYTES + 1), f"it is longer than {MAX_BYTES} bytes"),
    ],
)
def test_what_is_no_state_is_refused_and_told_once(payload: bytes, why: str, lives: Lives) -> None:
    life = lives.start(retained=payload)
    for _ in range(5):
        life.clock.advance(61)
        life.say(payload)
    assert why in life.reported()["no"]["why"]
    assert life.health.counted("desired_refused_total") == 1
    (notice,) = life.told
    assert (notice.part, notice.what) == ("desired", "refused")
    assert not (lives.folder / FILE).exists()


def test_of_two_faults_both_are_told(lives: Lives) -> None:
    life = lives.start(retained=state(7, {"mqtt.host": "evil.example", "events.top": 77}))
    why = life.reported()["no"]["why"]
    assert why.startswith("mqtt.host: is no setting that may be set from afar")
    assert why.endswith("events.top: 77 is not a whole number within 1 to 10")


def test_a_topic_that_is_cleared_leaves_all_as_it_is(lives: Lives) -> None:
    life = lives.start(retained=state(7, {"events.top": 3}))
    life.say(b"")
    assert life.config.events.top == 3
    assert life.told == []


def test_a_version_that_a_part_did_badly_with_is_taken_back_and_not_tried_again(
    lives: Lives,
) -> None:
    bad = state(7, {"events.top": 3})
    life = lives.start(retained=bad)
    life.live(TRIAL_S + 1, ILL)
    told = life.reported()
    assert (told["s"], told["now"], told["set"]) == ("reverted", 0, {})
    assert "camera.yard did badly" in told["why"]
    life.say(bad)
    assert life.config == CONFIG
    assert [line["what"] for line in lives.log()] == ["begun", "failed"]
    life.say(state(8, {"events.top": 3}))
    assert life.config.events.top == 3


def test_that_it_was_tried_is_on_the_disk_before_it_is_in_force(lives: Lives) -> None:
    life = lives.start()
    life.link.desire(state(7, {"events.top": 3}))
    assert life.desired.tick(lambda: WELL)
    assert life.config == CONFIG
    tried = read(lives.folder).tried
    assert tried is not None
    assert (tried.version, tried.state) == (7, "trying")


@pytest.mark.parametrize("ended", ["killed", "power"])
def test_a_version_that_the_agent_did_not_outlive_is_gone_for_good(
    ended: str, lives: Lives
) -> None:
    bad = state(7, {"events.top": 3})
    lives.start(retained=state(6, {"events.top": 2})).live(TRIAL_S + 1)
    lives.start("clean", retained=bad)
    life = lives.start(ended, retained=bad)
    assert life.config.events.top == 2
    told = life.reported()
    assert (told["s"], told["ver"], told["now"]) == ("reverted", 7, 6)
    assert [(line["what"], line["id"]) for line in lives.log()] == [
        ("begun", "a6"),
        ("done", "a6"),
        ("begun", "a7"),
        ("failed", "a7"),
    ]
    assert lives.start("clean", retained=bad).config.events.top == 2


def deaths(begin: Callable[[str], Config], most: int = 20) -> int:
    """Return how often an agent dies of ``top = 3``, with the state said at each connect."""
    for number in range(most):
        if begin("killed").events.top != 3:
            return number
    return most


def test_a_poisoned_state_kills_the_agent_once(lives: Lives) -> None:
    poison = state(7, {"events.top": 3})
    assert deaths(lambda ended: lives.start(ended, poison).config) == 1


def test_without_its_marker_it_would_kill_it_at_each_connect(lives: Lives) -> None:
    """The naive form: a trial that is taken back, and nothing that says which it was."""
    poison = state(7, {"events.top": 3})

    def naive(ended: str) -> Config:
        life = lives.start(ended)
        wanted = parsed(poison)
        life.probation.try_(wanted.named, "desired 7")
        return life.probation.read()[0]

    assert deaths(naive) == 20


def slow_deaths(lives: Lives, retained: bytes, most: int = 20) -> int:
    """Return how often an agent dies that lives a minute longer than its trial."""
    for number in range(most):
        life = lives.start("killed", retained)
        if life.config.events.top != 3:
            return number
        life.live(TRIAL_S + 60)
    return most


def test_poison_that_works_after_the_trial_kills_it_a_few_times(lives: Lives) -> None:
    lives.start(retained=state(6, {"events.top": 2})).live(TRIAL_S + 1)
    life = lives.start("clean")
    life.live(LONG_S + 1)
    poison = state(7, {"events.top": 3})
    assert slow_deaths(lives, poison) == FALLS_MAX
    life = lives.start("killed", poison)
    told = life.reported()
    assert (told["s"], told["ver"], told["now"]) == ("reverted", 7, 6)
    assert f"the agent ended {FALLS_MAX} times soon after" in told["why"]


def test_a_trial_alone_would_let_it_kill_the_agent_for_ever(lives: Lives) -> None:
    """The naive form: what was kept after the trial is good, and nothing is left to go back to."""
    poison = state(7, {"events.top": 3})
    lives.start(retained=poison).live(TRIAL_S + 60)
    kept = json.loads((lives.folder / FILE).read_text())
    del kept["spare"]
    (lives.folder / FILE).write_text(json.dumps(kept))
    assert slow_deaths(lives, poison) == 20


def test_what_the_agent_lived_long_with_stays_whatever_comes_then(lives: Lives) -> None:
    life = lives.start(retained=state(7, {"events.top": 3}))
    life.live(TRIAL_S + 1)
    life.live(LONG_S + 1)
    for _ in range(2 * FALLS_MAX):
        life = lives.start("killed")
    assert (life.config.events.top, life.told) == (3, [])


def test_two_new_states_in_a_row_do_not_make_the_first_one_good(lives: Lives) -> None:
    life = lives.start(retained=state(7, {"events.top": 3}))
    life.live(TRIAL_S + 1)
    life.say(state(8, {"events.top": 3, "events.min_hits": 4}))
    life.live(TRIAL_S + 1)
    assert life.reported()["s"] == "kept"
    assert deaths(lambda ended: lives.start(ended).config) == FALLS_MAX - 1
    assert lives.start("clean").reported()["now"] == 0


def test_an_order_on_top_of_a_state_is_told_apart_and_goes_alone(
    lives: Lives, capsys: pytest.CaptureFixture[str]
) -> None:
    life = lives.start(retained=state(7, {"events.top": 3, "events.min_hits": 4}))
    life.live(TRIAL_S + 1)
    life.probation.try_({"events.top": 5}, "order a1")
    file = lives.folder / "edgeagent.toml"
    file.write_text('[[camera]]\nsource = "synthetic"\n[events]\ntop = 2\n')
    assert main(["check", str(file), "--state", str(lives.folder)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert f"events.top = 5  # {lives.folder / FILE}: order a1" in told
    assert f"events.min_hits = 4  # {lives.folder / FILE}: desired 7" in told
    life = lives.start("killed")
    assert (life.config.events.top, life.reported()["s"]) == (3, "kept")


def test_a_newer_state_takes_the_place_of_one_that_is_tried(lives: Lives) -> None:
    life = lives.start(retained=state(7, {"events.top": 3}))
    life.say(state(8, {"events.top": 4}))
    assert life.config.events.top == 4
    assert lives.start("killed", retained=state(7, {"events.top": 3})).config == CONFIG


def test_a_flood_of_versions_wears_no_card_and_the_newest_is_taken(lives: Lives) -> None:
    life = lives.start()
    for version in range(1, 501):
        life.say(state(version, {"events.top": 1 + version % 10}))
    assert life.health.counted("desired_total") == 3
    life.clock.advance(61)
    life.tick()
    assert life.reported()["ver"] == 500
    assert len(lives.log()) == 4


def test_what_cannot_be_written_down_is_not_tried(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    lives = Lives(folder)
    life = lives.start()
    (folder / FILE).with_suffix(".new").mkdir(parents=True)
    life.say(state(7, {"events.top": 3}))
    assert life.config == CONFIG
    assert "it cannot be written down before it is tried" in life.reported()["no"]["why"]
    (folder / FILE).with_suffix(".new").rmdir()
    life.say(state(7, {"events.top": 3}))
    assert life.config.events.top == 3


def test_a_fault_of_our_own_does_not_end_the_agent(lives: Lives) -> None:
    class Broken(Probation):
        def judge_whole(self, values: object) -> NoReturn:
            raise ZeroDivisionError

    life = lives.start()
    broken = Broken(CONFIG, None, lives.folder, life.told.append, lives.clock)
    books = Books(lives.folder, lives.clock)
    desired = Desired(broken, books, lives.clock, Health(), life.told.append, lambda: None)
    life.link.listen(None, desired.hear)
    life.link.desire(state(7, {}))
    assert not desired.tick(lambda: WELL)
    assert "a fault in edgeagent itself: ZeroDivisionError()" in desired.reported("pi")["no"]["why"]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
PATHS = st.sampled_from(("events.top", "events.labels", "motion.sensitivity", "mqtt.host", "x"))


@settings(max_examples=80, deadline=None)
@given(
    payloads=st.lists(
        st.binary(max_size=64)
        | ANYTHING.map(lambda told: json.dumps(told).encode())
        | st.fixed_dictionaries(
            {
                "version": st.integers(-1, VERSION_MAX + 1) | ANYTHING,
                "id": st.sampled_from(("a1", "a b", "")),
                "values": st.dictionaries(PATHS, ANYTHING, max_size=3) | ANYTHING,
            }
        ).map(lambda told: json.dumps(told).encode()),
        max_size=4,
    )
)
def test_whatever_comes_the_agent_goes_on_with_settings_that_are_right(
    payloads: list[bytes],
) -> None:
    with TemporaryDirectory() as folder:
        life = Lives(Path(folder)).start()
        for payload in payloads:
            life.clock.advance(61)
            life.say(payload)
    assert 1 <= life.config.events.top <= 10
    assert life.config.mqtt == CONFIG.mqtt
    assert all(isinstance(label, str) for label in life.config.events.labels)
    life.reported()


def test_a_state_as_long_as_may_be_is_read_and_told_within_bounds(lives: Lives) -> None:
    labels = [f"label-{number}-{'x' * 50}" for number in range(60)]
    payload = state(VERSION_MAX, {"events.labels": labels})
    assert len(payload) <= MAX_BYTES
    life = lives.start(retained=payload)
    assert life.config.events.labels == labels
    assert life.reported()["set"]["events.labels"] == labels
    with pytest.raises(UsageError, match="longer than"):
        parsed(payload + b" " * MAX_BYTES)
