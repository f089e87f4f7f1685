"""Whether the model has become slower: the running agents' own looks first, then runs in turns."""

from collections.abc import Callable
from typing import Any

from device import State
from judgement import (
    NEVER,
    SLOWER,
    SUSPECT,
    UNKNOWN,
    Looks,
    Times,
    WorseError,
    at_first,
    is_slower,
    on_reflection,
)


def looks(before: State, after: State) -> tuple[Looks, Looks]:
    """Return the running agents' times, both from the same source."""
    if before.live and after.live:
        return Looks(*before.live), Looks(*after.live)
    return Looks(*(before.said or ())), Looks(*(after.said or ()))


def judge_speed(
    before: State,
    after: State,
    limit: float,
    look_on: Callable[[], tuple[int, float, float] | None],
    time_in_turns: Callable[[], tuple[Times, Times]],
) -> dict[str, Any]:
    """Return p90 before and after in ms, and how that was found out.

    Args:
        before: and
        after: the change.
        limit: how many times as long as before the model may take.
        look_on: waits for more looks and returns their times; None where that cannot be asked.
        time_in_turns: runs both releases, on the CPU.

    Raises:
        WorseError: it takes longer.
    """
    was, now = looks(before, after)
    verdict = at_first(was, now, limit)
    if verdict == SUSPECT:
        # What came first was cold, or beside what an installation leaves to be written.
        now = Looks(*(look_on() or now))
        is_on_cpu = {*before.engine.split(), *after.engine.split()} == {"cpu"}
        verdict = on_reflection(was, now, limit, is_on_cpu)
    if verdict == SLOWER:
        raise WorseError(slower_by_looks(was, now, limit))
    if verdict in (SUSPECT, UNKNOWN):
        return _judge_turns(*time_in_turns(), limit)
    return _found(was.p90_ms, now.p90_ms, f"{now.n} looks")


def _judge_turns(was: Times, now: Times, limit: float) -> dict[str, Any]:
    if was == NEVER:
        return {"speed": "not judged"}
    if is_slower(was, now, limit):
        raise WorseError(slower_in_turns(was, now, limit))
    return _found(was[1], now[1], "in turns")


def _found(was_ms: float, is_ms: float, speed: str) -> dict[str, Any]:
    return {"was_ms": round(was_ms, 1), "is_ms": round(is_ms, 1), "speed": speed}


def slower_by_looks(was: Looks, now: Looks, limit: float) -> str:
    """Return the words for it."""
    return (
        f"the model takes {now.p50_ms:.1f} ms, it took {was.p50_ms:.1f} (p90 {now.p90_ms:.1f} "
        f"and {was.p90_ms:.1f}): more than {limit:g} times as long"
    )


def slower_in_turns(was: Times, now: Times, limit: float) -> str:
    """Return the words for it."""
    if now == NEVER:
        return "the model does not run any more"
    return (
        f"the model takes {now[0]:.1f} ms at best, it took {was[0]:.1f}: "
        f"more than {limit:g} times as long"
    )
