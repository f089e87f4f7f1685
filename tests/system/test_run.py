"""The agent as its user starts it: a process, a settings file, a real broker, real signals."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from edgeagent import clips
from edgeagent.model import bundles_folder

from .conftest import Broker, Ear, free_port, until

EDGEAGENT = [sys.executable, "-m", "edgeagent"]

LIVELY = """\
device = "pi"
[[camera]]
name = "yard"
source = "synthetic"
width = 320
height = 240
[motion]
every_s = 1
[model]
name = ""
[health]
stat_s = 1
[mqtt]
host = "127.0.0.1"
port = {port}
tls = false
backoff_max_s = 1
{more}
"""
"""A camera in which something always moves, and no model: an event a second."""


class Running:
    """One ``edgeagent run``, and where it keeps things."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = folder / "edgeagent.toml"
        self.log = folder / "log"
        self.process: subprocess.Popen[bytes] | None = None

    def write(self, port: int, more: str = "", text: str = LIVELY) -> None:
        self.settings.write_text(text.format(port=port, more=more))

    def start(self, **environment: str) -> None:
        arguments = ["run", "--config", str(self.settings), "--state", str(self.folder / "state")]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*EDGEAGENT, *arguments],
                stderr=log,
                env={**os.environ, **environment},
            )

    def end(self, how: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        status = self.process.wait(15)
        self.process = None
        return status

    def said(self) -> str:
        return self.log.read_text()


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path)
    yield running
    if running.process is not None:
        running.end(signal.SIGKILL)


def events(ear: Ear) -> list[dict[str, Any]]:
    return [*ear.said("/sys"), *ear.said("/evt/yard")]


def test_it_starts_publishes_and_stops_before_systemd_would_kill_it(
    agent: Running, broker: Broker, ear: Ear
) -> None:
    agent.write(broker.port, 'client_id = "{device}-1"\nusername = "at-{device}"')
    agent.start()
    assert until(lambda: ear.said("/evt/yard") and ear.said("/stat"), 60)
    assert re.search(r" as pi-1 \(.*u'at-pi'", (broker.folder / "mosquitto.log").read_text())
    began_s = time.monotonic()
    assert agent.end() == 0
    assert time.monotonic() - began_s < 10.0
    assert until(lambda: [m["s"] for m in ear.said("/status")] == ["online", "stopped"])
    info = ear.said("/info")[0]
    assert (info["dev"], info["cameras"], info["enc"]) == ("pi", ["yard"], "json")
    motion = ear.said("/evt/yard")[0]
    assert (motion["k"], motion["cam"], motion["mot"]["ph"]) == ("motion", "yard", "in")
    assert [m["seq"] for m in sorted(events(ear), key=lambda m: m["seq"])] == list(
        range(len(events(ear)))
    )


def test_killed_it_loses_nothing_and_says_how_the_boot_before_ended(
    agent: Running, broker: Broker, ear: Ear
) -> None:
    agent.write(broker.port)
    agent.start()
    assert until(lambda: ear.said("/evt/yard"), 60)
    broker.end()
    time.sleep(2.5)
    agent.end(signal.SIGKILL)
    agent.start()
    broker.start()

    def starts() -> dict[str, dict[str, Any]]:
        # By boot: what was acknowledged just before the kill may come twice.
        return {m["boot"]: m for m in ear.said("/sys") if m["k"] == "start"}

    assert until(lambda: len(starts()) == 2, 60)
    first, second = starts().values()
    boot, last, how = second["prev"]
    assert (boot, how) == (first["boot"], "killed")
    assert first["prev"] == ["", -1, "none"]

    def complete() -> bool:
        seen = {m["seq"] for m in events(ear) if m["boot"] == boot}
        return seen == set(range(last + 1))

    assert until(complete, 60)
    assert last >= 3
    assert agent.end() == 0


def test_without_a_broker_at_boot_it_keeps_all_and_sends_it_as_history(
    agent: Running, broker: Broker
) -> None:
    broker.end()
    agent.write(broker.port)
    agent.start()
    time.sleep(4.0)
    broker.start()
    ear = Ear(broker.port)
    assert until(lambda: any(m.get("hist") for m in ear.said("/evt/yard")), 60)
    assert until(lambda: "link_lost" in [m["k"] for m in ear.said("/sys")])
    assert agent.end() == 0
    ear.close()


def test_the_settings_are_read_again_by_class_and_a_wrong_file_changes_nothing(
    agent: Running, broker: Broker, ear: Ear
) -> None:
    agent.write(broker.port)
    agent.start()
    assert until(lambda: ear.said("/evt/yard"), 60)

    def reread(more: str) -> dict[str, Any]:
        before = len(ear.said("/sys"))
        agent.write(broker.port, more)
        assert agent.process is not None
        agent.process.send_signal(signal.SIGHUP)
        assert until(lambda: len(ear.said("/sys")) > before)
        return ear.said("/sys")[before]

    wrong = reread("keepalive_s = 1")
    assert wrong["k"] == "config_refused"
    assert "mqtt.keepalive_s: 1 is not a whole number within 5 to 3600 s" in wrong["why"]
    live = reread("[events]\nthreshold = 0.7")
    assert (live["k"], live["why"]) == ("config_read", "taken over: events.threshold")
    start = reread("[events]\nthreshold = 0.7\n[outbox]\nfolder = '/tmp'")
    assert start["why"] == "taken over: nothing; kept until the next start: outbox.folder"
    part = reread("keepalive_s = 30\n[events]\nthreshold = 0.7\n[outbox]\nfolder = '/tmp'")
    assert part["why"].startswith("taken over: mqtt.keepalive_s")
    assert until(lambda: [m["s"] for m in ear.said("/status")].count("online") == 2)
    before = len(ear.said("/evt/yard"))
    assert until(lambda: len(ear.said("/evt/yard")) > before)
    assert agent.end() == 0


def test_the_agent_lends_its_camera_and_watches_again(
    agent: Running, broker: Broker, ear: Ear
) -> None:
    agent.write(broker.port)
    agent.start()
    assert until(lambda: ear.said("/evt/yard"), 60)
    still = agent.folder / "still.png"
    where = ["--config", str(agent.settings), "--state", str(agent.folder / "state")]
    told = run("look", "yard", *where, "--still", str(still))
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith(f"{still}: 320x240")
    assert still.stat().st_mode & 0o777 == 0o600
    assert "\u2580" in run("look", *where).stdout
    kinds = [m["k"] for m in ear.said("/sys")]
    assert kinds.count("camera_lent") == kinds.count("camera_returned") == 2
    before = len(ear.said("/evt/yard"))
    assert until(lambda: len(ear.said("/evt/yard")) > before)
    assert run("look", "garden", *where).returncode == 64
    assert agent.end() == 0


def test_systemd_is_told_that_it_is_ready_alive_and_stopping(agent: Running) -> None:
    agent.write(free_port())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(agent.folder / "notify"))
        systemd.settimeout(20)
        agent.start(NOTIFY_SOCKET=str(agent.folder / "notify"))
        assert systemd.recv(4096) == b"READY=1"
        assert systemd.recv(4096) == b"WATCHDOG=1"
        assert agent.end() == 0
        told = b""
        while told != b"STOPPING=1":
            told = systemd.recv(4096)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("needs root: a small disk is mounted")
    folder = tmp_path / "state"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    path = folder / "filler"
    with path.open("wb", buffering=0) as filler:
        try:
            while True:
                filler.write(b"x" * 512)
        except OSError:
            return path


def test_a_full_disk_is_said_and_events_go_on_until_it_has_room_again(
    small_disk: Path, agent: Running, broker: Broker, ear: Ear
) -> None:
    agent.write(broker.port, "[outbox]\nsegment_bytes = 4096\nsync_s = 0")
    agent.start()
    assert until(lambda: ear.said("/evt/yard"), 60)
    filler = fill(small_disk)
    assert until(lambda: "disk_full" in [m["k"] for m in ear.said("/sys")], 60)
    before = len(ear.said("/evt/yard"))
    assert until(lambda: len(ear.said("/evt/yard")) > before + 1)
    filler.unlink()
    assert until(lambda: "disk_back" in [m["k"] for m in ear.said("/sys")], 60)
    assert agent.end() == 0
    seqs = sorted(m["seq"] for m in events(ear))
    assert seqs == list(range(len(seqs)))


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*EDGEAGENT, *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def bundle_copy(tmp_path: Path) -> Path:
    return shutil.copytree(bundles_folder() / "coco16-320", tmp_path / "models" / "coco16-320")


def test_a_truncated_model_is_status_65_for_who_waits_and_no_end_for_the_service(
    agent: Running, broker: Broker, ear: Ear, tmp_path: Path
) -> None:
    folder = bundle_copy(tmp_path)
    model = folder / "model.tflite"
    model.write_bytes(model.read_bytes()[:-1000])
    told = run("replay", str(clips.demo()), "--model", str(folder))
    assert told.returncode == 65
    assert told.stderr.count("\n") == 1
    assert "model.tflite" in told.stderr
    assert "2973448" in told.stderr
    text = LIVELY.replace('name = ""', f'folder = "{folder.parent}"')
    agent.write(broker.port, text=text)
    agent.start()
    assert until(lambda: ear.said("/evt/yard"), 60)
    assert "engine_refused" in [m["k"] for m in ear.said("/sys")]
    assert until(lambda: any("engine." in str(m["f"]) for m in ear.said("/stat")))
    assert agent.end() == 0


def test_a_wrong_digest_is_named(tmp_path: Path) -> None:
    folder = bundle_copy(tmp_path)
    model = folder / "model.tflite"
    data = bytearray(model.read_bytes())
    data[1000] ^= 1
    model.write_bytes(data)
    told = run("replay", str(clips.demo()), "--model", str(folder))
    assert told.returncode == 65
    assert "sha256" in told.stderr


def test_info_names_the_engine_and_the_model_once_they_are_open(
    agent: Running, broker: Broker, ear: Ear
) -> None:
    agent.write(broker.port, text=LIVELY.replace('name = ""', ""))
    agent.start()
    assert until(lambda: any("models" in m for m in ear.said("/info")), 60)
    info = ear.said("/info")[-1]
    assert (info["engines"], info["models"]) == (["cpu"], {"coco16-320": "c5805c0d"})
    assert agent.end() == 0


def test_five_faults_are_five_lines_and_status_78(tmp_path: Path) -> None:
    file = tmp_path / "edgeagent.toml"
    file.write_text(
        'devise = "x"\n[motion]\ncell_px = 5\n[mqtt]\nport = -1\ntls = 2\nhosts = "b"\n'
    )
    for command in (["check", str(file)], ["run", "--config", str(file)]):
        told = run(*command)
        assert told.returncode == 78
        assert len(told.stderr.splitlines()) == 5
        assert "did you mean 'device'" in told.stderr


def test_an_unreadable_clip_is_one_line_and_status_69(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"no clip" * 100)
    told = run("replay", str(clip))
    assert told.returncode == 69
    assert str(clip) in told.stderr.splitlines()[-1]
    assert "Traceback" not in told.stderr


def save_still(path: Path, golden: str) -> None:
    """Write the picture of one of the detector's goldens as a PNG."""
    with np.load(bundles_folder() / "coco16-320" / "golden" / f"{golden}.npz") as arrays:
        picture = arrays["image"][0]
    codec = av.CodecContext.create("png", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = picture.shape[1], picture.shape[0], "rgb24"
    codec.time_base = Fraction(1)
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
    path.write_bytes(b"".join(bytes(p) for p in [*codec.encode(frame), *codec.encode(None)]))


def test_a_folder_of_stills_is_looked_at_picture_by_picture(tmp_path: Path) -> None:
    save_still(tmp_path / "1.png", "cat")
    save_still(tmp_path / "2.png", "person")
    told = run("replay", str(tmp_path))
    assert told.returncode == 0, told.stderr
    seen = [json.loads(line) for line in told.stdout.splitlines()]
    came = [
        (m["ts"], name)
        for m in seen
        if m["k"] == "object"
        for (name, _), (_, phase) in zip(m["cls"], m["trk"], strict=True)
        if phase == "in"
    ]
    assert came == [(0, "cat"), (100, "person")]
    assert "2 frames, 0 moved, 2 looks" in told.stderr


def test_a_text_is_no_film(tmp_path: Path) -> None:
    (tmp_path / "clip.txt").write_text("no film\n" * 100)
    told = run("replay", str(tmp_path / "clip.txt"))
    assert told.returncode == 69
    assert "has no picture in it; see that the file is there" in told.stderr


def test_two_replays_of_a_clip_are_equal_to_the_byte() -> None:
    one, two = (run("replay", str(clips.demo()), "--vector", "embed88-128") for _ in range(2))
    assert one.returncode == 0
    assert one.stdout == two.stdout
    kinds = [json.loads(line)["k"] for line in one.stdout.splitlines()]
    assert {"motion", "object", "vector"} <= set(kinds)
    assert kinds[0] == "motion"


def test_the_bench_times_every_stage_of_the_river() -> None:
    told = run("bench", "--runs", "3", "--json")
    report = json.loads(told.stdout)
    assert told.returncode == 0
    assert report["schema"] == "edgeagent.bench/1"
    stages = report["stages"]
    assert {"motion", "preprocess", "invoke", "decode", "track", "event"} <= set(stages)
    assert stages["invoke"]["n"] == 3
    assert report["see"]["p50"] > stages["motion"]["p50"]
    assert "see()" in run("bench", "--runs", "3").stdout


def test_the_models_are_listed_with_task_size_digest_and_origin() -> None:
    told = run("models")
    assert told.returncode == 0
    assert "coco16-320 1.0.0  detect, 320x320x3 uint8, 16 labels" in told.stdout
    assert "2,974,448 B  sha256 c5805c0d3f65aef8" in told.stdout
    assert "npm @vladmandic/human" in told.stdout
    rows = [json.loads(line) for line in run("models", "--json").stdout.splitlines()]
    assert [row["name"] for row in rows] == ["coco16-320", "embed88-128"]


def test_a_command_that_does_not_exist_is_told_what_there_is() -> None:
    told = run("wach")
    assert told.returncode == 2
    assert "invalid choice: 'wach'" in told.stderr


ROWS = re.compile(r"^ *(\w+ \w+) +([\d,]+)", re.MULTILINE)
"""What the demo counts at its end."""


def test_the_demo_shows_events_and_their_cost_within_a_minute() -> None:
    told = run("demo")
    assert told.returncode == 0, told.stderr
    # The clip plays in its own time: a busy machine misses frames, and with them a faint bird.
    counted = {row[0]: int(row[1].replace(",", "")) for row in ROWS.findall(told.stdout)}
    assert 20 <= counted["frames seen"] <= 280
    assert counted["looked at"] > 2
    assert "motion" in told.stdout
    assert "times as much" in told.stdout


def test_a_replay_of_the_clip_that_ships_sees_the_bird() -> None:
    told = run("replay", str(clips.demo()))
    assert told.returncode == 0, told.stderr
    events = [json.loads(line) for line in told.stdout.splitlines()]
    things = [event for event in events if event["k"] == "object"]
    assert {label for thing in things for label, _ in thing["cls"]} == {"bird"}
    assert things[-1]["trk"][0][1] == "in"
