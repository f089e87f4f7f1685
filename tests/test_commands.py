"""Orders from the broker: which are done, which are refused, which are not even answered."""

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeagent import audit
from edgeagent.clock import ManualClock
from edgeagent.commands import MAX_REMEMBERED, Asked, Books, Commands, Deed, Kind
from edgeagent.commands.judging import MAX_BYTES, judge_expiry, parsed
from edgeagent.commands.known import FILE, MAX_KNOWN
from edgeagent.config import CommandsConfig
from edgeagent.errors import EdgeagentError, UsageError
from edgeagent.findings import Notice
from edgeagent.health import Health
from edgeagent.link import Order
from edgeagent.link.memory import MemoryLink
from tests.wires import everywhere

LOOK, PING = Order("look", b""), Order("ping", b"")


CONFIG = CommandsConfig(allow=["ping", "look"], per_minute=600)


class Rig:
    """Commands at a memory link, with one deed that remembers; each is a process of its own."""

    def __init__(
        self,
        config: CommandsConfig,
        deed: Deed,
        folder: Path,
        clock: ManualClock | None = None,
        then: Callable[[], None] | None = None,
        deadline_s: float = 30.0,
    ) -> None:
        self.link, self.clock, self.health = MemoryLink(), clock or ManualClock(), Health()
        self.told: list[Notice] = []
        self.books = Books(folder, self.clock)
        self.commands = Commands(
            config,
            {"look": Kind(deed, then=then), "ping": Kind(deed, changes=False)},
            self.link.reply,
            "pi",
            self.books,
            self.clock,
            self.health,
            self.told.append,
            deadline_s,
        )
        self.link.listen(self.commands.hear)
        self.commands.start()
        self.link.come_up()

    def order(self, payload: object, order: Order = LOOK) -> None:
        if isinstance(payload, dict) and order.name == "look":
            payload = {"exp": self.clock.wall_ms() + 60_000, **payload}
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.link.order(order._replace(payload=data))

    def ended(self) -> list[dict[str, Any]]:
        """Let all be done that was ordered; return the answers."""
        self.commands.hear(Order("ping", b'{"id": "last"}'))
        while not any(b'"last"' in payload for _, payload in self.link.replies):
            threading.Event().wait(0.01)
        answers = [json.loads(payload) for _, payload in self.link.replies]
        for answer in answers:
            everywhere("answer", answer)
        return [answer for answer in answers if answer["id"] != "last"]


class Doer:
    def __init__(self) -> None:
        self.done: list[str] = []

    def __call__(self, wish: str, asked: Asked) -> Mapping[str, Any]:
        self.done.append(wish)
        if asked.get("camera") == "none":
            raise UsageError("no camera 'none'; there is yard")
        return {"saw": {"yard": {"cls": []}}}


@pytest.fixture
def deed() -> Doer:
    return Doer()


@pytest.fixture
def rig(deed: Doer, tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(CONFIG, deed, tmp_path)
    yield rig
    rig.commands.close()
    rig.commands.close()


def test_what_is_allowed_is_done_and_answered(rig: Rig, deed: Doer) -> None:
    rig.order({"id": "a1"}, LOOK._replace(reply_to="clients/7", correlation=b"x"))
    (answer,) = rig.ended()
    assert (answer["ok"], answer["id"], answer["k"]) == (True, "a1", "look")
    assert answer["saw"] == {"yard": {"cls": []}}
    assert deed.done == ["a1", "last"]
    order, _ = rig.link.replies[0]
    assert (order.reply_to, order.correlation) == ("clients/7", b"x")


def test_what_cannot_be_done_is_answered_by_why(rig: Rig) -> None:
    rig.order({"id": "a1", "camera": "none"})
    (answer,) = rig.ended()
    assert (answer["ok"], answer["why"]) == (False, "no camera 'none'; there is yard")


def test_what_is_not_allowed_is_refused(rig: Rig, deed: Doer) -> None:
    rig.order({"id": "a1"}, Order("reboot", b""))
    (answer,) = rig.ended()
    assert not answer["ok"]
    assert answer["why"] == "'reboot' is not allowed here; commands.allow names ping, look"
    assert deed.done == ["last"]


def test_a_repeated_id_is_answered_from_memory(rig: Rig, deed: Doer) -> None:
    for _ in range(3):
        rig.order({"id": "a1"})
    assert len(rig.ended()) == 3
    assert deed.done == ["a1", "last"]


def test_memory_is_bounded(deed: Doer, tmp_path: Path) -> None:
    rig = Rig(CONFIG, deed, tmp_path)
    rig.ended()
    for number in range(MAX_REMEMBERED + 1):
        rig.clock.advance(1.0)
        rig.order({"id": f"n{number}"}, PING)
        while f"n{number}" not in deed.done:
            threading.Event().wait(0.002)
    rig.clock.advance(1.0)
    rig.order({"id": "n0"}, PING)
    rig.order({"id": f"n{MAX_REMEMBERED}"}, PING)
    rig.commands.hear(Order("ping", b'{"id": "end"}'))
    while "end" not in deed.done:
        threading.Event().wait(0.002)
    assert deed.done.count("n0") == 2
    assert deed.done.count(f"n{MAX_REMEMBERED}") == 1
    rig.commands.close()


@pytest.mark.parametrize(
    ("exp", "why"),
    [
        (1_699_999_999_999, "it has expired"),
        ("soon", "exp: 'soon' is not unix time in ms"),
        (True, "exp: True is not unix time in ms"),
        (None, "exp: there is none; say in unix ms until when it is worth doing"),
        (10**30, "exp: it is more than a day ahead; name a time within a day"),
    ],
)
def test_what_has_expired_is_not_done(exp: object, why: str, rig: Rig, deed: Doer) -> None:
    rig.order({"id": "a1", "exp": exp})
    (answer,) = rig.ended()
    assert (answer["ok"], answer["why"]) == (False, why)
    assert deed.done == ["last"]


def test_what_expires_later_is_done(rig: Rig, deed: Doer) -> None:
    rig.order({"id": "a1", "exp": rig.clock.wall_ms() + 1000})
    assert rig.ended()[0]["ok"]


@pytest.mark.parametrize(
    ("payload", "retained", "why"),
    [
        (b'{"id": "a1"}', True, "it is retained"),
        (b'{"id": "a1", "pad": "' + b"x" * 2000 + b'"}', False, "it is longer than 1024 bytes"),
        (b"look!", False, "it is not JSON"),
        (b"[" * 1000, False, "it is not JSON"),
        (b"\xff\xfe", False, "it is not JSON"),
        (b"[1]", False, 'it has no "id"'),
        (b'{"id": "a b"}', False, 'it has no "id"'),
        (b"{}", False, 'it has no "id"'),
    ],
)
def test_what_is_no_order_is_reported_and_not_answered(
    payload: bytes, retained: bool, why: str, rig: Rig, deed: Doer
) -> None:
    rig.order(payload, LOOK._replace(retained=retained))
    assert rig.ended() == []
    assert deed.done == ["last"]
    (notice,) = rig.told
    assert (notice.part, notice.what, notice.name) == ("command", "ignored", "look")
    assert notice.why.startswith(why)
    assert rig.health.counted("commands_ignored_total") == 1


def test_a_flood_is_counted_and_neither_done_nor_reported_one_by_one(
    deed: Doer, tmp_path: Path
) -> None:
    rig = Rig(CommandsConfig(allow=["look"], per_minute=6), deed, tmp_path)
    for number in range(200):
        rig.order({"id": f"n{number}"})
    while rig.health.counted("commands_ignored_total") < 199:
        threading.Event().wait(0.01)
    rig.commands.close()
    assert deed.done == ["n0"]
    assert len(rig.told) <= 3


def test_a_deed_that_breaks_is_answered_and_does_not_end_the_hearing_of_others(
    tmp_path: Path,
) -> None:
    def breaks(wish: str, asked: Asked) -> Mapping[str, Any]:
        if wish == "a1":
            raise ZeroDivisionError
        return {}

    rig = Rig(CONFIG, breaks, tmp_path)
    rig.order({"id": "a1"})
    (answer,) = rig.ended()
    assert answer["why"] == "a fault in edgeagent itself: ZeroDivisionError()"
    rig.commands.close()


@pytest.mark.parametrize("topic", ["a/+/b", "#", "edge/v1/x/y/cmd/look", "x" * 300, "$SYS/x"])
def test_an_odd_response_topic_is_not_written_to(topic: str, rig: Rig) -> None:
    rig.order({"id": "a1"}, LOOK._replace(reply_to=topic))
    rig.ended()
    assert rig.link.replies[0][0].reply_to == ""


def test_without_a_clock_what_changes_something_is_refused_and_a_question_answered(
    rig: Rig, deed: Doer
) -> None:
    rig.clock.is_trusted = False
    rig.order({"id": "a1"})
    rig.order({"id": "a2"}, PING)
    refused, answered = rig.ended()
    assert refused["why"] == "exp cannot be judged: this device's clock is not set yet"
    assert answered["ok"]
    assert deed.done == ["a2", "last"]


class Again:
    """One state folder and one clock, and agents that are started one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, ManualClock()
        self.deed = Doer()

    def life(self, *payloads: object) -> list[dict[str, Any]]:
        """Start one, order all of ``payloads``, end it; return the answers."""
        rig = Rig(CONFIG, self.deed, self.folder, self.clock)
        for payload in payloads:
            rig.order(payload)
        answers = rig.ended()
        rig.commands.close()
        self.deed.done.remove("last")
        return answers

    def expiring(self, wish: str, in_s: float) -> dict[str, Any]:
        return {"id": wish, "exp": self.clock.wall_ms() + round(in_s * 1000)}


@pytest.fixture
def again(tmp_path: Path) -> Again:
    return Again(tmp_path)


def test_what_was_done_by_an_earlier_process_is_answered_and_not_done_again(again: Again) -> None:
    order = again.expiring("a1", 60)
    (first,) = again.life(order)
    (second,) = again.life(order)
    assert (first["ok"], second["ok"], second["again"]) == (True, True, True)
    assert again.deed.done == ["a1"]


def test_what_failed_in_an_earlier_process_is_told_as_it_was(again: Again) -> None:
    order = again.expiring("a1", 60) | {"camera": "none"}
    (first,) = again.life(order)
    (second,) = again.life(order)
    assert first["why"] == second["why"] == "no camera 'none'; there is yard"
    assert again.deed.done == ["a1"]


def test_an_order_of_last_week_is_refused_though_nobody_remembers_it(again: Again) -> None:
    order = again.expiring("a1", 60)
    again.life(order)
    again.clock.advance(7 * 86_400)
    again.life(again.expiring("a2", 60))
    assert "a1" not in (again.folder / FILE).read_text()
    (answer,) = again.life(order)
    assert answer["why"] == "it has expired"
    assert again.deed.done == ["a1", "a2"]


def test_a_clock_set_back_brings_no_order_back_to_life(again: Again) -> None:
    order = again.expiring("a1", 60)
    again.life(order)
    began_ms = again.clock.wall_ms()
    again.clock.advance(7 * 86_400)
    again.life(again.expiring("a2", 60))
    again.clock.set_wall(began_ms)
    (answer,) = again.life(order)
    assert answer["why"] == "it has expired"
    assert again.deed.done == ["a1", "a2"]


class Restarts:
    """A broker that hands the same order to each agent that is started, and who starts them."""

    def __init__(self, folder: Path, naive: bool) -> None:
        self.folder, self.naive, self.clock = folder, naive, ManualClock()
        self.order = {"id": "r1", "exp": self.clock.wall_ms() + 60_000}

    def starts(self, most: int) -> int:
        """Return how often an agent is started before one goes on, at the ``most``."""
        for number in range(1, most + 1):
            folder = self.folder / (str(number) if self.naive else "")
            folder.mkdir(exist_ok=True)
            ends = threading.Event()
            rig = Rig(CONFIG, lambda *_: {}, folder, self.clock, then=ends.set)
            rig.order(self.order)
            rig.ended()
            rig.commands.close()
            if not ends.is_set():
                return number
        return most


def test_a_restart_that_is_handed_out_after_each_start_is_done_once(tmp_path: Path) -> None:
    assert Restarts(tmp_path, naive=False).starts(10) == 2


def test_an_agent_that_remembers_ids_in_its_process_alone_would_restart_for_ever(
    tmp_path: Path,
) -> None:
    assert Restarts(tmp_path, naive=True).starts(10) == 10


def test_an_order_is_on_the_disk_before_it_is_done(tmp_path: Path) -> None:
    seen: list[str] = []

    def peeps(wish: str, asked: Asked) -> Mapping[str, Any]:
        seen.append((tmp_path / FILE).read_text() + (tmp_path / audit.FILE).read_text())
        return {}

    rig = Rig(CONFIG, peeps, tmp_path)
    rig.order({"id": "a1"})
    rig.ended()
    rig.commands.close()
    assert '"look a1"' in seen[0]
    assert '"what":"begun","do":"look","id":"a1"' in seen[0]


def test_what_an_agent_was_killed_over_is_not_done_again(again: Again) -> None:
    order = again.expiring("a1", 60)
    Books(again.folder, again.clock).begin("look", order)
    (answer,) = again.life(order)
    assert "it was begun before, and the agent ended meanwhile" in answer["why"]
    assert again.deed.done == []


def test_what_cannot_be_written_down_is_not_done(tmp_path: Path, deed: Doer) -> None:
    state = tmp_path / "state"
    rig = Rig(CONFIG, deed, state)
    state.write_text("a file where the folder should be")
    rig.order({"id": "a1"})
    (answer,) = rig.ended()
    rig.commands.close()
    assert "it cannot be written down before it is done" in answer["why"]
    assert deed.done == ["last"]


def test_what_cannot_be_logged_is_not_done(again: Again) -> None:
    (again.folder / audit.FILE).mkdir()
    order = again.expiring("a1", 60)
    (answer,) = again.life(order)
    assert "the audit log cannot be written" in answer["why"]
    (again.folder / audit.FILE).rmdir()
    (answer,) = again.life(order)
    assert "the audit log cannot be written" in answer["why"]
    assert again.deed.done == []
    assert again.life(again.expiring("a2", 60))[0]["ok"]


@pytest.mark.parametrize(
    "data", [b"", b"{", b'{"begun": 7}', b'{"begun": {"\xff": 1}}', b"[" * 9000]
)
def test_while_nobody_knows_what_was_done_nothing_is(data: bytes, again: Again) -> None:
    (again.folder / FILE).write_bytes(data)
    (answer,) = again.life(again.expiring("a1", 60))
    assert "it might have been done before" in answer["why"]
    assert "remove it, at the device" in answer["why"]
    assert again.deed.done == []
    (again.folder / FILE).unlink()
    assert again.life(again.expiring("a1", 60))[0]["ok"]


def test_orders_that_have_not_expired_are_never_forgotten_for_want_of_room(tmp_path: Path) -> None:
    clock = ManualClock()
    books = Books(tmp_path, clock)
    asked = {"exp": clock.wall_ms() + 60_000}
    full = {f"look n{number}": {"exp": asked["exp"], "ok": True} for number in range(MAX_KNOWN)}
    (tmp_path / FILE).write_text(json.dumps({"floor": 0, "begun": full}))
    books = Books(tmp_path, clock)
    with pytest.raises(EdgeagentError, match="have not expired yet"):
        books.begin("look", {"id": "more", **asked})
    assert books.begun("look", {"id": "n0"})
    clock.advance(61.0)
    books.begin("look", {"id": "more", "exp": clock.wall_ms() + 1000})
    assert (tmp_path / FILE).stat().st_size < 200


def test_one_that_hangs_is_answered_at_its_deadline_and_others_are_told(tmp_path: Path) -> None:
    free = threading.Event()

    def hangs(wish: str, asked: Asked) -> Mapping[str, Any]:
        if wish == "a1":
            free.wait(60)
        return {}

    rig = Rig(CONFIG, hangs, tmp_path, deadline_s=0.2)
    rig.order({"id": "a1"})
    rig.order({"id": "a2"})
    late, other = rig.ended()
    assert late["why"] == "not done within 0.2 s; it may yet be"
    assert other["why"] == "the order before, look, is still being done; ask later"
    free.set()
    while any(thread.name == "order look" for thread in threading.enumerate()):
        threading.Event().wait(0.01)
    rig.link.replies.clear()
    rig.order({"id": "a3"})
    while not rig.link.replies:
        threading.Event().wait(0.01)
    rig.commands.close()
    assert json.loads(rig.link.replies[-1][1])["ok"]


def test_what_was_ordered_stands_in_the_log_and_each_answer_says_how_far_it_goes(
    again: Again,
) -> None:
    answers = again.life(
        again.expiring("a1", 60),
        again.expiring("a2", 60) | {"camera": "none", "odd": 10**100},
        again.expiring("a3", -60),
    )
    lines = [json.loads(line) for line in (again.folder / audit.FILE).read_text().splitlines()]
    assert [(line["what"], line["id"]) for line in lines] == [
        ("begun", "a1"),
        ("done", "a1"),
        ("begun", "a2"),
        ("failed", "a2"),
        ("refused", "a3"),
    ]
    assert '"camera": "none"' in lines[2]["asked"]
    assert lines[4]["why"] == "it has expired"
    story = audit.check(again.folder)
    for answer in answers:
        story.hold_to(audit.Head(*answer["aud"]))
    assert [answer["aud"][1] for answer in answers] == [2, 4, 5]
    assert story.fault == ""


def test_questions_and_a_flood_of_refusals_wear_no_card(tmp_path: Path, deed: Doer) -> None:
    books = Books(tmp_path, ManualClock())
    for number in range(100):
        books.refuse("look", {"id": f"n{number}"}, "it has expired")
    assert books.head.length == 3
    rig = Rig(CONFIG, deed, tmp_path)
    rig.order({"id": "a1"}, PING)
    rig.ended()
    rig.commands.close()
    assert Books(tmp_path, ManualClock()).head.length == 3
    assert not (tmp_path / FILE).exists()


@settings(max_examples=100, deadline=None)
@given(
    st.binary(max_size=MAX_BYTES + 8)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(("id", "exp", "x")), inner),
    ).map(lambda told: json.dumps(told).encode())
)
def test_whatever_comes_is_an_order_with_an_id_or_none(payload: bytes) -> None:
    try:
        asked = parsed(Order("look", payload))
    except ValueError:
        return
    assert re.fullmatch(r"[A-Za-z0-9_.:-]{1,64}", asked["id"])
    with suppress(EdgeagentError):
        judge_expiry(asked, ManualClock(), must=True)
