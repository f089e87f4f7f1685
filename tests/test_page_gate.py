"""Who comes in: the token, how often it may be tried, sessions, the page's names."""

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeagent.clock import ManualClock
from edgeagent.errors import CredentialError
from edgeagent.page.hosts import Hosts, own_names
from edgeagent.page.sessions import MOST, WEEK_S, Sessions
from edgeagent.page.token_file import LETTERS, Token, ensure_token, new_token, read_token_text
from edgeagent.page.tries import ADDRESSES, FREE, FREE_IN_ALL, LONGEST_IN_ALL_S, LONGEST_S, Tries


def test_a_token_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    first = ensure_token("", tmp_path)
    file = tmp_path / "page-token"
    text = file.read_text().strip()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert first.is_said_by(text)
    assert ensure_token("", tmp_path).is_said_by(text)
    assert text not in repr(first)
    assert list(tmp_path.iterdir()) == [file]


def test_what_a_phone_makes_of_a_token_is_still_the_token() -> None:
    token = Token("k3rt-9xwm-aaaa-bbbb-cccc")
    assert token.is_said_by(" K3RT 9XWM aaaabbbbcccc\n")
    assert not token.is_said_by("k3rt-9xwm-aaaa-bbbb-cccd")
    assert not token.is_said_by("")
    assert not token.is_said_by("k3rt-9xwm-aaaa-bbbb-cccc-d")
    assert not token.is_said_by("ключ")


def test_tokens_differ_and_have_no_letter_that_is_taken_for_another() -> None:
    made = {new_token() for _ in range(50)}
    assert len(made) == 50
    assert {letter for token in made for letter in token} <= {*LETTERS, "-"}
    assert not set("01ilo") & set(LETTERS)


def test_a_half_written_token_is_not_left_by_a_power_cut(tmp_path: Path) -> None:
    (tmp_path / "page-token.new").write_text("k3")
    ensure_token("", tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["page-token"]
    assert len(read_token_text(tmp_path / "page-token")) == 24


@pytest.mark.parametrize(
    ("text", "mode", "why"),
    [
        ("short-token", 0o600, "10 letters is guessed too soon; write at least 16"),
        ("", 0o600, "is empty"),
        ("long-enough-for-anybody-0", 0o644, "lets everybody read it; chmod 0640"),
    ],
)
def test_an_own_token_that_will_not_do_says_why(
    text: str, mode: int, why: str, tmp_path: Path
) -> None:
    file = tmp_path / "mine"
    file.write_text(text)
    file.chmod(mode)
    with pytest.raises(CredentialError, match=why):
        ensure_token(str(file), tmp_path)


def test_an_own_token_is_never_made_where_it_is_missing(tmp_path: Path) -> None:
    with pytest.raises(CredentialError, match="No such file"):
        ensure_token(str(tmp_path / "mine"), tmp_path)
    file = tmp_path / "mine"
    file.write_text("correct horse battery\n")
    file.chmod(0o640)
    assert read_token_text(file) == "correct horse battery"


def test_wrong_tries_cost_a_pause_that_grows_and_the_right_one_ends_it() -> None:
    clock = ManualClock()
    tries = Tries(clock.mono_s)
    pauses = []
    for _ in range(FREE + 8):
        tries.wrong("192.0.2.7")
        pauses.append(tries.pause_s("192.0.2.7"))
        clock.advance(pauses[-1])
    assert pauses == [0, 0, 1, 2, 4, 8, 16, 32, LONGEST_S, LONGEST_S, LONGEST_S]
    assert tries.pause_s("192.0.2.7") == 0
    assert tries.pause_s("192.0.2.8") == 0
    tries.right("192.0.2.7")
    tries.wrong("192.0.2.7")
    assert tries.pause_s("192.0.2.7") == 0


def test_many_addresses_share_one_short_pause() -> None:
    clock = ManualClock()
    tries = Tries(clock.mono_s)
    for number in range(FREE_IN_ALL + 9):
        tries.wrong(f"192.0.2.{number}")
    assert tries.pause_s("198.51.100.1") == LONGEST_IN_ALL_S
    clock.advance(LONGEST_IN_ALL_S)
    assert tries.pause_s("198.51.100.1") == 0


def test_an_ipv6_line_is_one_address_and_the_memory_of_addresses_is_bounded() -> None:
    tries = Tries(ManualClock().mono_s)
    for number in range(FREE):
        tries.wrong(f"2001:db8::{number:x}")
    assert tries.pause_s("2001:db8::ffff") > 0
    assert tries.pause_s("2001:db8:0:1::1") == 0
    for number in range(3 * ADDRESSES):
        tries.wrong(f"10.0.{number // 256}.{number % 256}")
    assert len(tries._each) == ADDRESSES


def test_a_session_lasts_a_week_and_ends_when_asked() -> None:
    clock = ManualClock()
    sessions = Sessions(clock.mono_s)
    one, other = sessions.begin(), sessions.begin()
    assert one != other
    sessions.end(other)
    assert sessions.knows(one)
    assert not sessions.knows(other)
    assert not sessions.knows("")
    clock.advance(WEEK_S)
    assert not sessions.knows(one)


def test_sessions_are_bounded_and_the_oldest_goes() -> None:
    sessions = Sessions(ManualClock().mono_s)
    first, *others = [sessions.begin() for _ in range(MOST + 1)]
    assert not sessions.knows(first)
    assert all(sessions.knows(other) for other in others)


@pytest.mark.parametrize(
    "header",
    [
        "localhost",
        "LOCALHOST:8480",
        "127.0.0.1:8480",
        "[::1]:8480",
        "[fe80::1]",
        "192.0.2.4",
        "pi.lan",
    ],
)
def test_names_and_addresses_of_ours_are_allowed(header: str) -> None:
    assert Hosts(["pi.LAN"]).allows(header)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "localhost:80:80",
        "localhost/..",
        "localhost@evil.example",
        "[::1",
        "2130706433",
        "localhost, evil.example",
        " ",
    ],
)
def test_other_names_are_not(header: str) -> None:
    assert not Hosts().allows(header)


def test_the_host_is_called_by_its_own_names() -> None:
    assert all(Hosts().allows(name) for name in own_names() if name)


@given(st.text(max_size=60))
def test_no_header_at_all_breaks_the_check(header: str) -> None:
    Hosts().allows(header)
