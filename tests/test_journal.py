"""Log records as systemd's journal takes them, heard by a socket that reads the protocol."""

import logging
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeagent import journal
from edgeagent.errors import CameraError, ConfigError
from edgeagent.findings import Notice
from edgeagent.journal import MAX_BYTES, JournalHandler, is_journal


class Journald:
    """The other end of the socket."""

    def __init__(self, folder: Path) -> None:
        self.address = str(folder / "socket")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._socket.settimeout(10)

    def heard(self) -> dict[str, str]:
        data, told = self._socket.recv(1 << 20), {}
        while data:
            head, _, rest = data.partition(b"\n")
            name, is_short, value = head.partition(b"=")
            if not is_short:
                (length,) = struct.unpack_from("<Q", rest)
                value, rest = rest[8 : 8 + length], rest[8 + length :]
                assert rest[:1] == b"\n"
                rest = rest[1:]
            told[name.decode()], data = value.decode(), rest
        return told

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def journald(tmp_path: Path) -> Iterator[Journald]:
    journald = Journald(tmp_path)
    yield journald
    journald.close()


@pytest.fixture
def log(journald: Journald) -> Iterator[logging.Logger]:
    handler = JournalHandler(journald.address)
    handler.device = "pi"
    log = logging.getLogger("edgeagent.test.journal")
    log.propagate = False
    log.setLevel(logging.DEBUG)
    log.addHandler(handler)
    yield log
    log.removeHandler(handler)
    handler.close()


def test_a_record_says_where_it_is_from_and_of_which_device(
    log: logging.Logger, journald: Journald
) -> None:
    log.warning("%d of %s", 7, "nine")
    told = journald.heard()
    assert (told["MESSAGE"], told["PRIORITY"]) == ("7 of nine", "4")
    assert (told["SYSLOG_IDENTIFIER"], told["EDGEAGENT_DEVICE"]) == ("edgeagent", "pi")
    assert told["CODE_FILE"].endswith("test_journal.py")
    assert told["CODE_FUNC"] == "test_a_record_says_where_it_is_from_and_of_which_device"
    assert told["CODE_LINE"].isdigit()
    assert told["THREAD_NAME"] == "MainThread"
    assert not {"EDGEAGENT_CAMERA", "EDGEAGENT_ENGINE", "EDGEAGENT_ERROR"} & set(told)


@pytest.mark.parametrize(
    ("level", "priority"),
    [(logging.DEBUG, "7"), (logging.INFO, "6"), (logging.ERROR, "3"), (logging.CRITICAL, "2")],
)
def test_levels_are_syslogs(
    level: int, priority: str, log: logging.Logger, journald: Journald
) -> None:
    log.log(level, "x")
    assert journald.heard()["PRIORITY"] == priority


def test_several_lines_are_one_record(log: logging.Logger, journald: Journald) -> None:
    log.info("one\ntwo=2\n\nfour")
    assert journald.heard()["MESSAGE"] == "one\ntwo=2\n\nfour"


def test_an_error_among_the_words_is_named_with_its_cure(
    log: logging.Logger, journald: Journald
) -> None:
    log.error("%s", ConfigError(["a.toml: x", "a.toml: y"]))
    told = journald.heard()
    assert told["MESSAGE"] == "a.toml: x\na.toml: y"
    assert (told["EDGEAGENT_ERROR"], told["EDGEAGENT_CURE"]) == ("ConfigError", "mend the file")


def test_an_error_that_is_caught_is_named_with_its_traceback(
    log: logging.Logger, journald: Journald
) -> None:
    try:
        raise ZeroDivisionError("by nothing")
    except ZeroDivisionError:
        log.exception("it broke")
    told = journald.heard()
    assert told["EDGEAGENT_ERROR"] == "ZeroDivisionError"
    assert "EDGEAGENT_CURE" not in told
    assert told["MESSAGE"].startswith("it broke\nTraceback")


@pytest.mark.parametrize(
    ("notice", "told"),
    [
        (
            Notice("camera", "lost", "no frame", "door"),
            {"EDGEAGENT_CAMERA": "door", "EDGEAGENT_ERROR": "CameraError"},
        ),
        (
            Notice("tpu", "lost", "abort: gone", "usb:0"),
            {"EDGEAGENT_ENGINE": "usb:0", "EDGEAGENT_ERROR": "AcceleratorError"},
        ),
        (Notice("engine", "ready", "loaded", "cpu"), {"EDGEAGENT_ENGINE": "cpu"}),
        (Notice("link", "back", "", "broker"), {}),
    ],
)
def test_a_notice_says_whom_it_is_about(
    notice: Notice, told: dict[str, str], log: logging.Logger, journald: Journald
) -> None:
    log.info("x", extra=journal.about(notice))
    heard = journald.heard()
    assert heard["EDGEAGENT_NOTICE"] == f"{notice.part}_{notice.what}"
    names = ("EDGEAGENT_CAMERA", "EDGEAGENT_ENGINE", "EDGEAGENT_ERROR")
    assert {name: heard[name] for name in names if name in heard} == told
    if "EDGEAGENT_ERROR" in told:
        assert heard["EDGEAGENT_CURE"] == CameraError.cure


def test_what_a_cameras_thread_logs_is_about_that_camera(
    log: logging.Logger, journald: Journald
) -> None:
    def look() -> None:
        journal.camera.set("yard")
        log.info("from its thread")

    thread = threading.Thread(target=look, name="camera-yard")
    thread.start()
    thread.join()
    assert journald.heard()["EDGEAGENT_CAMERA"] == "yard"
    log.info("from another")
    assert "EDGEAGENT_CAMERA" not in journald.heard()


def test_what_is_too_long_is_cut_and_says_so(log: logging.Logger, journald: Journald) -> None:
    log.info("x" * (MAX_BYTES + 5))
    assert journald.heard()["MESSAGE"] == "x" * MAX_BYTES + "... (5 bytes more)"


def test_odd_characters_do_not_lose_the_record(log: logging.Logger, journald: Journald) -> None:
    log.info("\udce9 \0 \u20ac")
    assert journald.heard()["MESSAGE"] == "\\udce9 \0 \u20ac"


def test_a_journal_that_is_full_is_not_waited_for_and_the_next_record_says_how_many_are_missing(
    log: logging.Logger, journald: Journald
) -> None:
    handler = log.handlers[0]
    assert isinstance(handler, JournalHandler)
    while not handler.missed:
        log.info("flood")
    log.info("one more")
    missed = handler.missed
    while "flood" in (told := journald.heard())["MESSAGE"]:
        if not handler.missed:
            continue
        log.info("after")
    assert told["MESSAGE"] == "after"
    assert int(told["EDGEAGENT_MISSED"]) >= missed >= 2


def test_without_a_journal_nothing_is_raised(tmp_path: Path) -> None:
    handler = JournalHandler(str(tmp_path / "none"))
    handler.handle(logging.LogRecord("x", logging.INFO, "x.py", 1, "x", None, None))
    assert handler.missed == 1
    handler.close()


def test_a_stream_is_the_journals_only_if_it_is_the_one_that_systemd_named(tmp_path: Path) -> None:
    with (tmp_path / "a").open("w") as ours, (tmp_path / "b").open("w") as other:
        found = os.fstat(ours.fileno())
        named = f"{found.st_dev}:{found.st_ino}"
        assert is_journal(ours.fileno(), named)
        assert not is_journal(other.fileno(), named)
        assert not is_journal(ours.fileno(), "")
    assert not is_journal(9999, named)


BEGIN = """
import logging, sys
from edgeagent.cli.log import begin_log, complain, name_device
from edgeagent.errors import ConfigError
begin_log(False, sys.argv[1])
name_device("pi")
logging.getLogger("edgeagent.x").info("begun")
complain(ConfigError(["a.toml: wrong"]))
"""


def test_a_command_whose_errors_go_to_the_journal_speaks_to_it(
    journald: Journald, tmp_path: Path
) -> None:
    told = tmp_path / "stderr"
    with told.open("wb") as stderr:
        found = os.fstat(stderr.fileno())
        environment = {**os.environ, "JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
        command = [sys.executable, "-c", BEGIN, journald.address]
        subprocess.run(command, stderr=stderr, env=environment, check=True, timeout=60)
    begun, wrong = journald.heard(), journald.heard()
    assert (begun["MESSAGE"], begun["EDGEAGENT_DEVICE"]) == ("begun", "pi")
    assert (wrong["MESSAGE"], wrong["PRIORITY"]) == ("a.toml: wrong", "3")
    assert wrong["EDGEAGENT_ERROR"] == "ConfigError"
    assert told.read_text() == ""


def test_any_other_command_writes_lines() -> None:
    command = [sys.executable, "-c", BEGIN, "none"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert told.stderr == "INFO MainThread: begun\nedgeagent: a.toml: wrong\n"
