"""What is on its way, by a clock of the test's own."""

from edgeagent.link import Ack
from edgeagent.mqtt.flight import ACK_S, Flight


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_what_comes_back_is_told_once_by_its_token() -> None:
    flight = Flight()
    flight.leaves(7, 41)
    flight.leaves(8, None)
    flight.stays(42, 149)
    assert len(flight) == 2
    flight.answered(8, 0)
    flight.answered(7, 135)
    flight.answered(9, 0)
    assert flight.landed() == [Ack(42, 149), Ack(41, 135)]
    assert flight.landed() == []
    assert len(flight) == 0


def test_silence_counts_from_the_first_message_after_a_rest() -> None:
    clock = Clock()
    flight = Flight(clock)
    clock.now_s += 3600
    assert flight.silent_s == 0
    flight.leaves(1, None)
    clock.now_s += 5
    flight.leaves(2, 41)
    assert flight.silent_s == 5
    flight.heard()
    clock.now_s += 1
    assert flight.silent_s == 1
    assert flight.failure == ""
    clock.now_s += ACK_S
    assert flight.failure.startswith("no acknowledgement for 30 s; the line is dead, or some brok")


def test_a_message_that_is_passed_over_is_noticed_until_it_is_answered() -> None:
    clock = Clock()
    flight = Flight(clock)
    for packet_id in (1, 2, 3):
        flight.leaves(packet_id, packet_id)
    flight.answered(2, 0)
    flight.landed()
    clock.now_s += 20
    flight.answered(3, 0)
    flight.landed()
    assert flight.passed_over_s == 20
    assert flight.failure == ""
    clock.now_s += ACK_S
    flight.heard()
    assert flight.failure.startswith("later messages were acknowledged, one was not for 30 s; some")
    flight.answered(1, 0)
    flight.landed()
    assert flight.passed_over_s == 0


def test_answers_in_order_pass_nobody_over_however_slow_they_come() -> None:
    clock = Clock()
    flight = Flight(clock)
    for packet_id in range(1, 6):
        flight.leaves(packet_id, packet_id)
    for packet_id in range(1, 6):
        clock.now_s += 25
        flight.answered(packet_id, 0)
        flight.landed()
        assert flight.passed_over_s == 0
