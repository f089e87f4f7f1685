"""What is said of motion over time."""

import pytest

from edgeagent.config import MotionConfig
from edgeagent.episode import Episodes
from edgeagent.findings import WHOLE, Motion, Phase

CONFIG = MotionConfig(still_s=2.0, every_s=10.0)


def moved(x: float, y: float = 0.5, level: int = 100) -> Motion:
    return Motion(0.1, (x, y), bytes([level] * 48), (WHOLE,))


def test_motion_is_said_to_begin_go_on_and_end() -> None:
    episodes, said = Episodes(CONFIG), []
    for n in range(150):
        episodes.update(moved(0.5) if n < 120 else None, n / 10)
        if episode := episodes.say(n / 10):
            said.append((episode.phase, n / 10, round(episode.duration_s, 1)))
    assert said == [(Phase.IN, 0.0, 0.0), (Phase.ON, 10.0, 10.0), (Phase.OUT, 13.9, 11.9)]


def test_a_short_pause_does_not_end_it() -> None:
    episodes = Episodes(CONFIG)
    episodes.update(moved(0.5), 0.0)
    assert episodes.say(0.0)
    for at_s in (0.5, 1.0, 1.9):
        assert not episodes.update(None, at_s)
    assert not episodes.update(moved(0.5), 1.95)
    assert not episodes.update(None, 3.9)
    assert episodes.update(None, 3.95)


def test_direction_and_speed_are_those_of_the_centre() -> None:
    episodes = Episodes(CONFIG)
    for n in range(21):
        episodes.update(moved(0.2, 0.2 + n * 0.02), n / 10)
    assert episodes.say(2.0)
    episodes.update(None, 5.0)
    ended = episodes.say(5.0)
    assert ended is not None
    assert ended.direction_deg == 90
    assert ended.speed == pytest.approx(0.2, abs=0.001)


def test_the_grid_is_the_strongest_since_something_was_last_said() -> None:
    episodes = Episodes(CONFIG)
    episodes.update(moved(0.5, level=10), 0.0)
    first = episodes.say(0.0)
    episodes.update(moved(0.5, level=90), 0.5)
    episodes.update(moved(0.5, level=20), 1.0)
    episodes.update(None, 4.0)
    last = episodes.say(4.0)
    assert first is not None
    assert last is not None
    assert (first.motion.grid[0], last.motion.grid[0]) == (10, 90)


def test_an_episode_nobody_could_be_told_of_is_forgotten() -> None:
    episodes = Episodes(CONFIG)
    episodes.update(moved(0.5), 0.0)
    assert episodes.update(None, 3.0)
    assert episodes.say(3.0) is None
    assert not episodes.has_news(3.0)
