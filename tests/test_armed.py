"""When a camera looks."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from edgeagent.armed import Duty, is_armed
from edgeagent.clock import ManualClock
from edgeagent.config import ArmedConfig

NIGHT = ArmedConfig(start="22:00", end="06:00")
MONDAY_NIGHT = ArmedConfig(start="22:00", end="06:00", days=["mon"])
NOON = ArmedConfig(start="12:00", end="13:00", days=["sat", "sun"])


@pytest.fixture(autouse=True)
def utc() -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    yield
    os.environ.pop("TZ")
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


def wall(day: int, clock: str) -> int:
    """Return the time of a day of June 2026, the first of which is a Monday."""
    hour, minute = map(int, clock.split(":"))
    return int(datetime(2026, 6, day, hour, minute, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("window", "day", "clock", "armed"),
    [
        (NIGHT, 1, "21:59", False),
        (NIGHT, 1, "22:00", True),
        (NIGHT, 2, "05:59", True),
        (NIGHT, 2, "06:00", False),
        (MONDAY_NIGHT, 1, "23:00", True),
        (MONDAY_NIGHT, 1, "03:00", False),
        (MONDAY_NIGHT, 2, "03:00", True),
        (MONDAY_NIGHT, 2, "23:00", False),
        (NOON, 6, "12:30", True),
        (NOON, 5, "12:30", False),
        (ArmedConfig(days=["wed"]), 3, "00:00", True),
        (ArmedConfig(days=["wed"]), 3, "23:59", True),
        (ArmedConfig(days=["wed"]), 4, "00:00", False),
    ],
)
def test_a_window_belongs_to_the_day_on_which_it_begins(
    window: ArmedConfig, day: int, clock: str, armed: bool
) -> None:
    assert is_armed([window], wall(day, clock), trusted=True) == armed


def test_any_window_will_do_and_none_is_always() -> None:
    assert is_armed([NIGHT, NOON], wall(6, "12:30"), trusted=True)
    assert is_armed([], wall(1, "12:00"), trusted=True)


def test_a_clock_that_cannot_be_trusted_disarms_nobody() -> None:
    assert is_armed([NIGHT], wall(1, "12:00"), trusted=False)


def test_local_time_is_meant() -> None:
    os.environ["TZ"] = "EST5"
    time.tzset()
    assert is_armed([NIGHT], wall(2, "03:30"), trusted=True)
    assert not is_armed([NIGHT], wall(2, "02:30"), trusted=True)


def test_it_is_asked_once_a_second() -> None:
    clock = ManualClock()
    duty = Duty([NIGHT], clock)
    assert not duty.armed(1.0, wall(1, "12:00"))
    clock.is_trusted = False
    assert not duty.armed(1.5, wall(1, "12:00"))
    assert duty.armed(2.0, wall(1, "12:00"))
