"""``edgeagent watch`` beside a real broker, in a terminal that a test reads, and into a pipe."""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from edgeagent.cli import main

from .authority import Authority, missing
from .conftest import Broker, Brokers, until
from .test_run import EDGEAGENT
from .test_tls import serve

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e"
ENTER, LEAVE, SHOWN = "\x1b[?1049h", "\x1b[?1049l", "\x1b[?25h"


class Voice:
    """Publishes as a device would."""

    def __init__(self, port: int) -> None:
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def say(self, topic: str, **message: Any) -> None:  # noqa: ANN401
        payload = json.dumps({"v": 1, "dev": "door", **message})
        self._client.publish(f"edge/v1/home/door/{topic}", payload, 1).wait_for_publish(10)

    def event(self, seq: int, why: str) -> None:
        self.say("sys", k="link_lost", why=why, boot="1-a", seq=seq, low=seq, tsq=0)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def voice(broker: Broker) -> Iterator[Voice]:
    voice = Voice(broker.port)
    yield voice
    voice.close()


class Terminal:
    """A program at a terminal, and all it has written there."""

    def __init__(self, *arguments: str) -> None:
        self._ours, theirs = pty.openpty()
        self.resize(100, 24)
        self.process = subprocess.Popen(
            [*EDGEAGENT, "watch", *arguments],
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            env={**os.environ, "TERM": "xterm", "NO_COLOR": ""},
        )  # fmt: skip
        os.close(theirs)
        self._written = b""
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def resize(self, columns: int, lines: int) -> None:
        size = struct.pack("HHHH", lines, columns, 0, 0)
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, size)

    @property
    def written(self) -> str:
        with self._lock:
            return self._written.decode(errors="replace")

    def end(self, how: int) -> int:
        self.process.send_signal(how)
        status = self.process.wait(20)
        self._reader.join(20)
        os.close(self._ours)
        return status

    def _read(self) -> None:
        while True:
            try:
                if not select.select([self._ours], [], [], 30)[0]:
                    return
                part = os.read(self._ours, 65536)
            except OSError:
                return
            with self._lock:
                self._written += part


def at(broker: Broker) -> tuple[str, str]:
    return "--broker", f"127.0.0.1:{broker.port}"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_screen_is_drawn_and_the_terminal_given_back(
    broker: Broker, voice: Voice, how: int
) -> None:
    terminal = Terminal(*at(broker))
    assert until(lambda: "nothing heard yet" in terminal.written, 60)
    voice.say("status", s="online")
    voice.event(0, "no answer")
    assert until(lambda: "no answer" in terminal.written, 60)
    assert "home/door" in terminal.written
    assert terminal.end(how) == 0
    written = terminal.written
    assert written.startswith(ENTER)
    assert written.rstrip().endswith(LEAVE)
    assert written.rindex(SHOWN) > written.rindex("no answer")


def test_no_escape_from_the_network_reaches_the_terminal(broker: Broker, voice: Voice) -> None:
    terminal = Terminal(*at(broker))
    assert until(lambda: "nothing heard yet" in terminal.written, 60)
    voice.event(0, f"evil{EVIL}end")
    voice.say("info", agent=EVIL, board=EVIL, cameras=[EVIL], engines=[EVIL], models={EVIL: EVIL})
    voice.say("stat", c={}, g={}, f={EVIL: f"fault{EVIL}"})
    assert until(lambda: "fault?]0;owned" in terminal.written, 60)
    terminal.end(signal.SIGINT)
    written = terminal.written
    assert "evil?]0;owned??[2J?31m?end" in written
    assert not {"\x07", "\x9b", "\u202e"} & set(written)
    assert "\x1b]" not in written


def test_a_new_size_is_drawn_at_once(broker: Broker, voice: Voice) -> None:
    terminal = Terminal(*at(broker))
    assert until(lambda: "nothing heard yet" in terminal.written, 60)
    before = terminal.written.count("\x1b[2J")
    terminal.resize(60, 10)
    terminal.process.send_signal(signal.SIGWINCH)
    assert until(lambda: terminal.written.count("\x1b[2J") > before, 60)
    assert terminal.end(signal.SIGINT) == 0


def test_into_a_pipe_it_writes_lines(broker: Broker, voice: Voice) -> None:
    with piped(*at(broker)) as (_process, lines):
        voice.event(0, "no answer")
        voice.event(3, f"and again{EVIL}")
        assert until(lambda: len(lines) == 3, 60)
    assert lines[0].split()[2:] == ["home/door", "link_lost", "no", "answer"]
    assert lines[2].endswith("lost  2 events never came, and no gap names them")
    assert "\x1b" not in "".join(lines)


def test_a_broker_that_comes_back_is_heard_again_and_nothing_is_called_lost(
    broker: Broker,
) -> None:
    voice = Voice(broker.port)
    with piped(*at(broker)) as (_process, lines):
        voice.event(0, "one")
        assert until(lambda: len(lines) == 1, 60)
        broker.kill()
        broker.start()
        voice.close()
        voice = Voice(broker.port)
        sequence = iter(range(10, 10_000))

        def again() -> bool:
            voice.event(next(sequence), "again")
            time.sleep(0.2)
            return len(lines) > 3

        assert until(again, 60)
    voice.close()
    assert not [line for line in lines if "never came" in line]


def test_the_settings_broker_is_heard_with_its_tls_and_only_one_device(
    brokers: Brokers, tmp_path: Path
) -> None:
    if missing():
        pytest.skip(missing())
    authority = Authority(tmp_path / "authority")
    broker = serve(brokers, authority.sign("good"))
    settings = tmp_path / "edgeagent.toml"
    settings.write_text(
        f'[mqtt]\nhost = "127.0.0.1"\nport = {broker.port}\nca_file = "{authority.ca}"\n'
    )
    with piped("--config", str(settings), "--site", "home", "--device", "door") as (process, _):
        assert process.poll() is None
    assert process.returncode == 0


class piped:  # noqa: N801 - it is used as a function is
    """A watch that writes into a pipe, connected; ended with Ctrl-C at the end."""

    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments
        self._lines: list[str] = []

    def __enter__(self) -> tuple["subprocess.Popen[str]", list[str]]:
        self._process = subprocess.Popen(
            [*EDGEAGENT, "watch", *self._arguments], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stderr is not None
        assert self._process.stderr.readline() == "edgeagent: listening\n"
        self._threads = [
            threading.Thread(target=self._read, args=args, daemon=True)
            for args in ((self._process.stdout, self._lines.append), (self._process.stderr, len))
        ]
        for thread in self._threads:
            thread.start()
        return self._process, self._lines

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait(20)
        for thread in self._threads:
            thread.join(20)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def _read(self, stream: Any, take: Callable[[str], object]) -> None:  # noqa: ANN401
        for line in stream:
            take(line.rstrip("\n"))


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--broker", "127.0.0.1:1"], 69, "127.0.0.1:1: "),
        (["--broker", "x:y"], 64, "must be HOST or HOST:PORT"),
        (["--broker", "127.0.0.1", "--device", "a/+"], 64, "must be a name, without"),
        (["--config", "/nowhere.toml"], 78, "/nowhere.toml"),
    ],
)
def test_what_cannot_be_watched_is_one_line_and_a_status(
    arguments: list[str], status: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["watch", *arguments]) == status
    assert words in capsys.readouterr().err
