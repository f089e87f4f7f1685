"""A network camera as it is in the field: a real server, killed, stalled, throttled, locked."""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest

from edgeagent import clips
from edgeagent.clock import SystemClock
from edgeagent.config import CameraConfig
from edgeagent.errors import CameraError
from edgeagent.findings import Notice
from edgeagent.frame import Frame
from edgeagent.sources import Source, open_source
from edgeagent.sources.reopening import Reopening
from tests.leaks import leaked, over_rounds_again

from .cameras import Camera, Relay, greys, missing, write_units
from .conftest import until

FPS = 20
LEVELS = range(50, 150, 5)
SECRET = "s%c:re@t"
ROUNDS = int(os.environ.get("EDGEAGENT_ROUNDS", "20"))
"""How often a camera is opened and closed; 200 is what a release is judged by."""

Cameras = Callable[..., Camera]


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rtsp") / "yard.units"
    return write_units(path, greys(320, 240, LEVELS), gop=10)


@pytest.fixture
def cameras(units: Path) -> Iterator[Cameras]:
    if what := missing():
        pytest.skip(what)
    made: list[Camera] = []

    def make(login: str = "") -> Camera:
        made.append(Camera(f"yard={units}@{FPS}", login=login))
        made[-1].start()
        return made[-1]

    yield make
    for camera in made:
        camera.kill()


def config(address: str, stall_s: float = 2.0) -> CameraConfig:
    return CameraConfig(name="yard", address=address, fps=60.0, stall_s=stall_s)


class Watching:
    """A camera that is opened again, watched by a thread of its own."""

    def __init__(self, address: str, stall_s: float = 2.0) -> None:
        self.notices: list[Notice] = []
        self.seen_s: list[float] = []
        self._stop = threading.Event()
        self._source: Source = Reopening(
            lambda: open_source(config(address, stall_s), SystemClock()),
            self.notices.append,
            SystemClock(),
            self._stop,
            name="yard",
        )
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        for _ in self._source.frames():
            self.seen_s.append(time.monotonic())

    def told(self) -> list[str]:
        return [notice.what for notice in self.notices]

    def sees(self, more: int = 5, within_s: float = 10.0) -> bool:
        wanted = len(self.seen_s) + more
        return until(lambda: len(self.seen_s) >= wanted, within_s)

    def close(self) -> None:
        self._stop.set()
        self._source.close()
        self._thread.join(5)
        assert not self._thread.is_alive()


@pytest.fixture
def watch() -> Iterator[Callable[..., Watching]]:
    made: list[Watching] = []

    def watch(address: str, stall_s: float = 2.0) -> Watching:
        made.append(Watching(address, stall_s))
        return made[-1]

    yield watch
    for watching in made:
        watching.close()


def test_frames_come_as_they_were_sent(cameras: Cameras) -> None:
    source = open_source(config(cameras().url("yard")), SystemClock())
    frames = list(islice(source.frames(), 40))
    source.close()
    levels = [float(frame.luma.mean()) for frame in frames[-2 * len(LEVELS) :]]
    assert max(levels) - min(levels) > 60
    assert frames[-1].luma.shape == (240, 320)


def test_a_server_killed_and_started_again_is_one_lost_and_one_back(
    cameras: Cameras, watch: Callable[..., Watching]
) -> None:
    camera = cameras()
    watching = watch(camera.url("yard"))
    assert watching.sees()
    camera.kill()
    assert until(lambda: watching.told() == ["lost"], 60)
    time.sleep(1.5)
    camera.start()
    assert watching.sees(within_s=8)
    assert watching.told() == ["lost", "back"]


def test_a_server_that_stalls_is_lost_within_its_deadline_and_comes_back(
    cameras: Cameras, watch: Callable[..., Watching]
) -> None:
    camera = cameras()
    watching = watch(camera.url("yard"), stall_s=1.0)
    assert watching.sees()
    camera.stall()
    assert until(lambda: watching.told() == ["lost"], 60)
    assert time.monotonic() - watching.seen_s[-1] < 3.0
    assert "for 1 s" in watching.notices[0].why
    camera.resume()
    assert watching.sees(within_s=8)
    assert watching.told() == ["lost", "back"]


def test_a_throttled_network_loses_a_camera_at_most_once_and_gives_it_back(
    cameras: Cameras, watch: Callable[..., Watching]
) -> None:
    camera = cameras()
    relay = Relay(camera.port)
    watching = watch(f"rtsp://127.0.0.1:{relay.port}/yard")
    assert watching.sees()
    relay.bytes_per_s = 500
    time.sleep(4)
    relay.bytes_per_s = 0
    assert watching.sees(20, within_s=10)
    assert watching.told() in ([], ["lost", "back"])
    relay.close()


def test_the_password_is_printed_nowhere(
    cameras: Cameras, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    camera = cameras(login=f"eve:{SECRET}")
    caplog.set_level(logging.DEBUG)
    patient = config(camera.url("yard", "eve"), stall_s=30.0)
    source = open_source(patient, SystemClock(), password=SECRET)
    frames = source.frames()
    assert next(frames).seq >= 0
    camera.kill()
    with pytest.raises(CameraError) as caught:
        list(frames)
    said = [str(caught.value), repr(caught.value), repr(source), caplog.text, *capfd.readouterr()]
    for secret in (SECRET, "s%25c%3Are%40t"):
        assert not [text for text in said if secret in text]


def test_a_wrong_password_is_said_in_words(cameras: Cameras) -> None:
    address = cameras(login=f"eve:{SECRET}").url("yard", "eve")
    with pytest.raises(CameraError, match=r"refuses the user or the password; see .*password_file"):
        next(open_source(config(address), SystemClock(), password="wr0ng").frames())


def test_a_wrong_path_is_said_in_words(cameras: Cameras) -> None:
    with pytest.raises(CameraError, match="has no such stream"):
        next(open_source(config(cameras().url("door")), SystemClock()).frames())


AGENT = """\
device = "pi"
[[camera]]
name = "yard"
address = "{address}"
password_file = "{password}"
stall_s = 1
[model]
name = ""
"""


def test_the_running_agent_says_lost_and_back_and_never_the_password(
    cameras: Cameras, tmp_path: Path
) -> None:
    camera = cameras(login=f"eve:{SECRET}")
    password, settings, log = (tmp_path / name for name in ("password", "agent.toml", "log"))
    password.write_text(SECRET)
    password.chmod(0o600)
    settings.write_text(AGENT.format(address=camera.url("yard", "eve"), password=password))
    command = [sys.executable, "-m", "edgeagent", "run", "--config", str(settings)]
    with log.open("wb") as file:
        agent = subprocess.Popen([*command, "--state", str(tmp_path / "state")], stderr=file)
    try:
        assert until(lambda: _established(camera.port), 60)
        time.sleep(1)
        camera.kill()
        assert until(lambda: "yard lost" in log.read_text(), 60)
        camera.start()
        assert until(lambda: "yard back" in log.read_text(), 60)
    finally:
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(10) == 0
    said = log.read_text()
    kept = b"".join(path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file())
    assert (said.count("lost"), said.count("back")) == (1, 1)
    for secret in (SECRET, "s%25c%3Are%40t"):
        assert secret not in said
        assert secret.encode() not in kept


def _established(port: int) -> bool:
    wanted = f"0100007F:{port:04X} "
    return any(
        wanted in line and line.split()[3] == "01"
        for line in Path("/proc/net/tcp").read_text().splitlines()
    )


def look_in(address: str) -> list[Frame]:
    source = open_source(config(address), SystemClock())
    frames = list(islice(source.frames(), 2))
    source.close()
    return frames


def assert_no_leak(address: str, rounds: int) -> None:
    before, after = over_rounds_again(lambda: look_in(address), rounds)
    assert not leaked(before, after), (before, after)


def test_rounds_of_a_network_camera_leak_nothing(cameras: Cameras) -> None:
    assert_no_leak(cameras().url("yard"), ROUNDS)


def test_rounds_of_a_file_leak_nothing() -> None:
    assert_no_leak(str(clips.demo()), ROUNDS)


def test_rounds_of_a_camera_that_is_not_there_leak_nothing() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"rtsp://127.0.0.1:{taken.getsockname()[1]}/yard"

        def look_in_vain() -> None:
            with pytest.raises(CameraError, match="cannot be opened"):
                look_in(address)

        before, after = over_rounds_again(look_in_vain, ROUNDS)
        assert not leaked(before, after), (before, after)
