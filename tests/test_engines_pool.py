"""Several engines as one: fair, and the good ones first."""

import threading
import time
from collections.abc import Iterable

import pytest

from edgeagent.engines import Engine
from edgeagent.engines.pool import Pool
from edgeagent.engines.scripted import Scripted
from edgeagent.errors import AcceleratorError
from edgeagent.model import bundles_folder, find_bundle

BUNDLE = find_bundle("embed88-128", [bundles_folder()])


def engines(*names: str) -> list[Scripted]:
    return [Scripted(BUNDLE, name=name) for name in names]


def until(pool: Pool, waiting: int) -> None:
    deadline_s = time.monotonic() + 60
    while pool.waiting < waiting and time.monotonic() < deadline_s:
        time.sleep(0.001)
    assert pool.waiting == waiting


def joined(threads: Iterable[threading.Thread]) -> None:
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()


def test_as_many_sit_as_there_are_engines_and_each_at_its_own() -> None:
    pool = Pool(engines("a", "b", "c"))
    with pool.seat() as one, pool.seat() as two, pool.seat() as three:
        assert {seat.name for seat in (one, two, three)} == {"a", "b", "c"}
        assert one.input is not two.input


def test_who_waits_longest_gets_the_first_that_is_free() -> None:
    pool, order = Pool(engines("a", "b")), list[int]()
    seated, release = threading.Barrier(3), threading.Event()

    def hold() -> None:
        with pool.seat():
            seated.wait(5)
            release.wait(5)

    def enter(number: int) -> None:
        with pool.seat():
            order.append(number)

    holders = [threading.Thread(target=hold) for _ in range(2)]
    for holder in holders:
        holder.start()
    seated.wait(5)
    waiting = [threading.Thread(target=enter, args=(n,)) for n in range(5)]
    for number, thread in enumerate(waiting, 1):
        thread.start()
        until(pool, number)
    release.set()
    joined([*holders, *waiting])
    assert sorted(order) == [0, 1, 2, 3, 4]
    assert pool.waiting == 0


def test_with_one_engine_free_the_order_is_that_of_coming() -> None:
    pool, order = Pool(engines("a")), list[int]()

    def enter(number: int) -> None:
        with pool.seat():
            order.append(number)

    threads = [threading.Thread(target=enter, args=(n,)) for n in range(5)]
    with pool.seat():
        for number, thread in enumerate(threads, 1):
            thread.start()
            until(pool, number)
    joined(threads)
    assert order == [0, 1, 2, 3, 4]


def test_one_that_stands_aside_is_used_only_while_all_do() -> None:
    aside = {"a"}
    made = engines("a", "b")
    pool, names = Pool(made, lambda engine: engine.name in aside), list[str]()

    def enter() -> None:
        with pool.seat() as seat:
            names.append(seat.name)

    assert pool.name == "b"
    waiter = threading.Thread(target=enter)
    with pool.seat() as seat:
        assert seat.name == "b"
        waiter.start()
        until(pool, 1)
    joined([waiter])
    assert names == ["b"]
    aside.add("b")
    with pool.seat() as seat:
        assert seat.name == "a"


def test_the_share_to_ask_for_is_the_mean_of_those_in_use() -> None:
    made = engines("a", "b", "c")
    made[0].ease, made[1].ease, made[2].ease = 0.5, 1.0, 0.1
    assert Pool(made, lambda engine: engine.name == "c").ease == 0.75
    assert Pool(made, lambda _: True).ease == pytest.approx(1.6 / 3)


def test_an_engine_that_fails_is_free_again() -> None:
    pool = Pool([Scripted(BUNDLE, fails={0})])
    with pytest.raises(AcceleratorError, match="told to fail"), pool.seat() as seat:
        seat.run()
    with pool.seat() as seat:
        seat.run()


def test_closing_sends_those_away_who_wait() -> None:
    made: list[Engine] = [*engines("a")]
    pool, said = Pool(made), list[str]()

    def enter() -> None:
        try:
            with pool.seat():
                said.append("sat")
        except AcceleratorError as error:
            said.append(error.cause)

    waiter = threading.Thread(target=enter)
    closer = threading.Thread(target=pool.close)
    with pool.seat():
        waiter.start()
        until(pool, 1)
        closer.start()
        waiter.join(5)
    joined([waiter, closer])
    assert said == ["closed"]
    with pytest.raises(AcceleratorError, match="is closed"), pool.seat():
        pass
