"""What is wrong with a part: level, code, cause and cure, from readings alone."""

import re
from pathlib import Path

import pytest

from edgeagent.bulletin import LEVELS, State
from edgeagent.diagnosis import (
    CameraReading,
    ClockReading,
    DiskReading,
    EngineReading,
    HeatReading,
    LinkReading,
    MotionReading,
    OutboxReading,
    Readings,
    judge,
    of_camera,
    of_clock,
    of_disk,
    of_engine,
    of_link,
    of_motion,
    of_outbox,
    of_temperature,
)
from edgeagent.machine import Disk

GB = 1_000_000_000
CARD = Disk(32 * GB, 20 * GB, 100_000, name="mmcblk0", written_bytes=GB)
TPU = "abort: its process died of SIGABRT while running"

CASES: list[tuple[State, str]] = [
    (of_camera(CameraReading()), "ok"),
    (of_camera(CameraReading(state="paused", lost="gone", silent_s=900)), "ok paused"),
    (of_camera(CameraReading(state="lent", stuck="stuck")), "ok lent"),
    (of_camera(CameraReading(state="ended", silent_s=900)), "ok ended"),
    (of_camera(CameraReading(lost="no answer", lost_s=14.9)), "warning lost"),
    (of_camera(CameraReading(lost="no answer", lost_s=15)), "fault lost"),
    (of_camera(CameraReading(silent_s=30)), "ok"),
    (of_camera(CameraReading(silent_s=31)), "fault silent"),
    (of_camera(CameraReading(silent_s=31, stall_s=60)), "ok"),
    (of_camera(CameraReading(silent_s=181, stall_s=60)), "fault silent"),
    (of_camera(CameraReading(stuck="busy with one thing for more than 30 s")), "fault stuck"),
    (of_camera(CameraReading(detail_lost="404")), "warning detail"),
    (of_motion(MotionReading()), "ok"),
    (of_motion(MotionReading(600, withheld=3)), "warning withheld"),
    (of_motion(MotionReading(600, shares={"a": 0.91, "b": 0.1})), "warning restless"),
    (of_motion(MotionReading(299, shares={"a": 1.0})), "ok"),
    (of_motion(MotionReading(600, shares={"a": 0.9})), "ok"),
    (of_engine(EngineReading()), "ok"),
    (of_engine(EngineReading("usb:0", True)), "ok"),
    (of_engine(EngineReading("cpu", True, {"usb:0": TPU})), "warning fallback"),
    (of_engine(EngineReading("cpu", False, {"usb:0": TPU})), "ok"),
    (of_engine(EngineReading("usb:1", True, {"usb:0": TPU})), "warning fewer"),
    (of_engine(EngineReading("none", True, {"usb:0": TPU})), "fault none"),
    (of_engine(EngineReading("none")), "fault none"),
    (of_engine(EngineReading("usb:0", True, slow={"usb:0": "takes 9 ms"})), "warning slow"),
    (of_engine(EngineReading("none", refused="no file")), "fault refused"),
    (of_engine(EngineReading("cpu", refused="no file")), "warning last_good"),
    (of_outbox(OutboxReading()), "ok"),
    (of_outbox(OutboxReading(5, 0.8)), "warning filling"),
    (of_outbox(OutboxReading(5, 0.79)), "ok"),
    (of_outbox(OutboxReading(lost=1, over_s=600)), "fault dropping"),
    (of_outbox(OutboxReading(refused=1, lost=1, fault="full")), "fault refusing"),
    (of_outbox(OutboxReading(fault="/x: No space left on device")), "fault disk"),
    (of_outbox(OutboxReading(grown=1000)), "warning behind"),
    (of_outbox(OutboxReading(grown=999)), "ok"),
    (of_link(LinkReading()), "ok none"),
    (of_link(LinkReading("hub", True)), "ok"),
    (of_link(LinkReading("hub", True, denied="evt/a (reason code 135)")), "fault denied"),
    (of_link(LinkReading("hub", down_s=19.9)), "ok connecting"),
    (of_link(LinkReading("hub", down_s=1, why="refused")), "warning down"),
    (of_link(LinkReading("hub", down_s=20)), "warning down"),
    (of_link(LinkReading("hub", down_s=900)), "fault down"),
    (of_clock(ClockReading()), "ok"),
    (of_clock(ClockReading(False, 179)), "ok waiting"),
    (of_clock(ClockReading(False, 180)), "warning unset"),
    (of_disk(DiskReading()), "ok unknown"),
    (of_disk(DiskReading("/x", CARD)), "ok"),
    (of_disk(DiskReading("/x", CARD, waits_s=19.9)), "ok"),
    (of_disk(DiskReading("/x", None, waits_s=20)), "fault hangs"),
    (of_disk(DiskReading("/x", Disk(32 * GB, 499_000_000))), "warning near"),
    (of_disk(DiskReading("/x", Disk(32 * GB, 49_000_000))), "fault low"),
    (of_disk(DiskReading("/x", Disk(GB, 101_000_000))), "ok"),
    (of_disk(DiskReading("/x", Disk(GB, 99_000_000))), "warning near"),
    (of_disk(DiskReading("/x", Disk(GB, 9_000_000))), "fault low"),
    (of_disk(DiskReading("/x", Disk(GB, GB, is_read_only=True))), "fault read_only"),
    (of_disk(DiskReading("/x", Disk(GB, GB, files_free=9))), "warning files"),
    (of_disk(DiskReading("/x", CARD, 21 * GB)), "warning wear"),
    (of_disk(DiskReading("/x", CARD, 19 * GB)), "ok"),
    (of_disk(DiskReading("/x", Disk(GB, GB, name="nvme0n1"), 99 * GB)), "ok"),
    (of_temperature(HeatReading()), "ok"),
    (of_temperature(HeatReading(79.9)), "ok"),
    (of_temperature(HeatReading(80.0)), "warning warm"),
    (of_temperature(HeatReading(85.0)), "fault hot"),
    (of_temperature(HeatReading(90.0, ("under-voltage",))), "fault undervoltage"),
    (of_temperature(HeatReading(60.0, ("throttled",))), "warning slowed"),
    (of_temperature(HeatReading(60.0, ("throttled before",))), "ok"),
    (of_temperature(HeatReading(60.0, ("under-voltage before",))), "warning was_undervoltage"),
]


@pytest.mark.parametrize(
    ("state", "expected"), CASES, ids=[f"{n} {c[1]}" for n, c in enumerate(CASES)]
)
def test_each_reading_is_judged_by_its_threshold(state: State, expected: str) -> None:
    assert f"{state.level} {state.code}".strip() == expected


@pytest.mark.parametrize("state", [state for state, _ in CASES if state.level != "ok"])
def test_whatever_is_not_well_has_a_cause_and_a_cure(state: State) -> None:
    assert state.code
    assert state.why
    assert state.cure


@pytest.mark.parametrize(
    ("reading", "words"),
    [
        (CameraReading(lost="x", source="picamera"), "rpicam-hello"),
        (CameraReading(lost="x", address="rtsp://me@10.0.0.7:554/a"), "ping 10.0.0.7;"),
        (CameraReading(lost="x", address="/dev/video0"), "ls /dev/video0;"),
        (CameraReading(lost="x", address="/srv/film.mp4"), "camera.address"),
    ],
)
def test_a_lost_cameras_cure_is_that_of_its_kind(reading: CameraReading, words: str) -> None:
    assert words in of_camera(reading).cure


@pytest.mark.parametrize(
    ("why", "words"),
    [
        ("permission: may not", "udev"),
        ("library: none", "install libedgetpu"),
        ("whatever: it was", "opened again"),
    ],
)
def test_a_lost_edge_tpus_cure_is_that_of_its_cause(why: str, words: str) -> None:
    assert words in of_engine(EngineReading("cpu", True, {"usb:0": why})).cure


def test_all_parts_are_judged_in_the_order_of_the_river() -> None:
    states = judge(
        Readings(
            cameras={"door": CameraReading(), "yard": CameraReading(lost="x", lost_s=60)},
            engines={"coco": EngineReading()},
            others={"config": "mqtt.host: 5 is not a text", "commands": "busy with one thing"},
        )
    )
    assert list(states) == [
        "camera.door", "camera.yard", "motion", "engine.coco", "outbox", "link", "clock", "disk",
        "temperature", "config", "commands",
    ]  # fmt: skip
    assert states["camera.yard"].code == "lost"
    assert states["config"].level == "warning"
    assert states["commands"].level == "fault"


def test_a_healthy_agent_is_ok_in_all_parts() -> None:
    states = judge(Readings(cameras={"door": CameraReading()}))
    assert {state.level for state in states.values()} == {"ok"}


def documented() -> set[tuple[str, str]]:
    """Return level and code of every cause on the page."""
    page = (Path(__file__).parents[1] / "docs/health.md").read_text()
    rows = [line.split("|")[2:4] for line in page.splitlines() if line.startswith("| ")]
    return {
        (level.strip(), code)
        for codes, level in rows
        for code in re.findall(r"`(\w+)`", codes)
        if level.strip() in LEVELS
    }


def test_the_page_tells_every_cause_there_is_and_no_other() -> None:
    others = judge(
        Readings(others={"config": "x", "orders": "x", "action.a": "x", "commands": "x"})
    )
    judged = [state for state, _ in CASES] + list(others.values())
    assert documented() == {(one.level, one.code) for one in judged if one.code}
