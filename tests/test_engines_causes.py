"""From an exit status and a few words to a cause."""

import signal
import typing

import pytest

from edgeagent.engines.causes import CURES, last_words, of_exit, of_words
from edgeagent.errors import AcceleratorError, Cause

LIBUSB = (
    "libusb: error [get_usbfs_fd] libusb couldn't open USB device /dev/bus/usb/002/003, errno=13"
)


@pytest.mark.parametrize(
    ("status", "running", "cause", "words"),
    [
        (-signal.SIGABRT, True, "abort", "its process died of SIGABRT while running"),
        (-signal.SIGABRT, False, "abort", "its process died of SIGABRT while loading"),
        (-signal.SIGSEGV, False, "mismatch", "its process died of SIGSEGV while loading"),
        (-signal.SIGILL, False, "mismatch", "its process died of SIGILL while loading"),
        (-signal.SIGBUS, False, "mismatch", "its process died of SIGBUS while loading"),
        (-signal.SIGSEGV, True, "abort", "its process died of SIGSEGV while running"),
        (-signal.SIGKILL, True, "abort", "its process died of SIGKILL while running"),
        (-41, True, "abort", "its process died of signal 41 while running"),
        (1, False, "error", "its process ended with status 1"),
        (None, True, "hang", "its process is held by the kernel and cannot be ended"),
    ],
)
def test_the_way_a_child_ended_tells_why(
    status: int | None, running: bool, cause: Cause, words: str
) -> None:
    assert of_exit(status, running) == (cause, words)


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ([], "no_device"),
        ([LIBUSB], "permission"),
        (["Failed to open device: Permission denied: USB error -3 [OpenDevice]"], "permission"),
        (["Deadline exceeded: USB error -6 [ClaimInterface]"], "no_device"),
    ],
)
def test_a_device_that_may_not_be_opened_is_not_a_missing_one(
    words: list[str], cause: Cause
) -> None:
    assert of_words("no_device", words) == cause
    assert of_words("mismatch", words) == "mismatch"


def test_the_last_words_are_those_that_explain_something() -> None:
    stderr = (
        b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\none\n\n two \nthree\nfour\n\xff"
    )
    assert last_words(stderr) == ["three", "four", "\ufffd"]
    assert last_words(b"W" * 1000) == ["W" * 300]
    assert last_words(b"") == []


def test_every_cause_has_its_cure_and_an_error_knows_its_cause() -> None:
    assert CURES.keys() == set(typing.get_args(Cause))
    assert AcceleratorError("it is gone", cause="no_device").cause == "no_device"
    assert AcceleratorError("it is gone").cause == "error"
    assert str(AcceleratorError("it is gone", cause="hang")) == "it is gone"
