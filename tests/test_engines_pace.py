"""Whether a device has become slow, in numbers alone."""

from edgeagent.engines.pace import BATCH_CALLS, SUSTAINED_S, Pace


class Calls:
    """Calls one after another, each of which ends half a second after the one before."""

    def __init__(self) -> None:
        self.pace = Pace()
        self.at_s = 0.0
        self.news: list[bool] = []

    def of(self, took_us: int, seconds: float) -> None:
        for _ in range(round(seconds * 2)):
            self.at_s += 0.5
            if self.pace.note(took_us, self.at_s):
                self.news.append(self.pace.is_slow)


def test_calls_as_usual_are_no_news() -> None:
    calls = Calls()
    calls.of(8000, 600)
    assert calls.news == []
    assert (calls.pace.usual_us, calls.pace.ease) == (8000.0, 1.0)


def test_a_lasting_rise_is_news_once_and_so_is_its_end() -> None:
    calls = Calls()
    calls.of(8000, 60)
    calls.of(16000, 600)
    assert calls.news == [True]
    assert calls.pace.ease == 0.5
    calls.of(8000, 600)
    assert calls.news == [True, False]
    assert calls.pace.ease == 1.0


def test_a_rise_is_news_only_after_it_has_lasted() -> None:
    calls = Calls()
    calls.of(8000, 60)
    calls.of(20000, SUSTAINED_S - 1)
    assert calls.news == []
    calls.of(8000, 60)
    calls.of(20000, SUSTAINED_S + BATCH_CALLS)
    assert calls.news == [True]


def test_some_late_calls_say_nothing() -> None:
    calls = Calls()
    for _ in range(200):
        calls.of(8000, 4)
        calls.of(90000, 3)
    assert calls.news == []


def test_between_well_and_slow_nothing_changes() -> None:
    calls = Calls()
    calls.of(8000, 60)
    calls.of(11500, 300)
    assert calls.news == []
    calls.of(13000, 300)
    assert calls.news == [True]
    calls.of(11500, 300)
    assert calls.news == [True]


def test_what_is_usual_outlives_the_device() -> None:
    calls = Calls()
    calls.of(8000, 60)
    calls.pace.forget()
    calls.of(24000, 60)
    assert calls.news == [True]
    assert round(calls.pace.ease, 2) == 0.33


def test_calls_before_a_loss_are_not_counted_with_those_after_it() -> None:
    pace = Pace()
    for _ in range(BATCH_CALLS - 1):
        pace.note(8000, 1.0)
    pace.forget()
    pace.note(8000, 2.0)
    assert pace.now_us == 0.0
