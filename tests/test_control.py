"""Asking the running agent over its socket."""

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from edgeagent.control import SOCKET, Control, Request, asked, runtime_folder
from edgeagent.errors import RetryError, UsageError


class Lender:
    """Lends one thing, and remembers who has it."""

    def __init__(self) -> None:
        self.out = threading.Event()
        self.back = threading.Event()

    @contextmanager
    def __call__(self, request: Request) -> Iterator[Mapping[str, Any]]:
        if request.get("do") != "lend":
            raise UsageError("there is lend")
        self.out.set()
        try:
            yield {"camera": "door"}
        finally:
            self.back.set()


@pytest.fixture
def lender(tmp_path: Path) -> Iterator[Lender]:
    lender = Lender()
    control = Control(tmp_path, lender)
    control.start()
    yield lender
    control.close()
    control.close()


def test_what_is_lent_comes_back_when_the_borrower_leaves(lender: Lender, tmp_path: Path) -> None:
    with asked(tmp_path, {"do": "lend"}) as answer:
        assert answer == {"ok": True, "camera": "door"}
        assert lender.out.is_set()
        assert not lender.back.is_set()
    assert lender.back.wait(5)


def test_a_borrower_who_dies_gives_it_back(lender: Lender, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as borrower:
        borrower.connect(str(tmp_path / SOCKET))
        borrower.sendall(b'{"do": "lend"}\n')
        assert lender.out.wait(5)
    assert lender.back.wait(5)


def test_a_no_is_said_in_words(lender: Lender, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is lend"), asked(tmp_path, {"do": "dance"}):
        pass


def test_where_no_agent_runs_nobody_answers(tmp_path: Path) -> None:
    with asked(tmp_path, {"do": "lend"}) as answer:
        assert answer is None


@pytest.mark.parametrize("line", [b"no json\n", b"[1]\n", b"x" * 9000 + b"\n"])
def test_nonsense_ends_its_own_talk_and_no_other(
    line: bytes, lender: Lender, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.connect(str(tmp_path / SOCKET))
        stranger.settimeout(5)
        stranger.sendall(line)
        with suppress(ConnectionResetError):
            assert stranger.recv(100) == b""
    with asked(tmp_path, {"do": "lend"}) as answer:
        assert answer is not None


def test_the_ninth_who_asks_at_once_is_hung_up_on(lender: Lender, tmp_path: Path) -> None:
    talks = [socket.socket(socket.AF_UNIX) for _ in range(8)]
    for talk in talks:
        talk.connect(str(tmp_path / SOCKET))
    time.sleep(0.3)
    with pytest.raises(RetryError, match="does not answer"), asked(tmp_path, {"do": "lend"}):
        pass
    for talk in talks:
        talk.close()


def test_the_socket_is_for_owner_and_group_alone(lender: Lender, tmp_path: Path) -> None:
    assert (tmp_path / SOCKET).stat().st_mode & 0o777 == 0o660


def test_a_folder_that_is_not_there_does_not_stop_the_agent(tmp_path: Path) -> None:
    control = Control(tmp_path / "none", Lender())
    control.start()
    control.close()


def test_the_state_folder_serves_where_systemd_gave_none(tmp_path: Path) -> None:
    assert runtime_folder(tmp_path) == tmp_path
