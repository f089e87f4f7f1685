"""Whether a model runs, and on what it was meant to run."""

from edgeagent.bulletin import State
from edgeagent.diagnosis.readings import EngineReading
from edgeagent.engines.causes import CURES


def of_engine(reading: EngineReading) -> State:
    """Return how one model fares: ``refused none | last_good fallback fewer slow``."""
    if reading.refused:
        return _refused(reading)
    if reading.lost and reading.is_accelerated:
        return _without(reading)
    if reading.slow and reading.is_accelerated:
        cure = "give the Edge TPU air and a blue port (USB 3): edgeagent tpu"
        return State("warning", "slow", "; ".join(reading.slow.values()), cure)
    if reading.runs == "none":
        return State("fault", "none", "nothing runs it", "journalctl -u edgeagent -n 100 says why")
    return State()


def _refused(reading: EngineReading) -> State:
    cure = "edgeagent models says what is wrong with it; deploy the bundle again"
    if reading.runs == "none":
        why = f"nobody looks, motion alone is reported: {reading.refused}"
        return State("fault", "refused", why, cure)
    return State("warning", "last_good", f"the last good model looks: {reading.refused}", cure)


def _without(reading: EngineReading) -> State:
    """Judge a model one of whose Edge TPUs is away, or the only one."""
    name, why = next(iter(reading.lost.items()))
    cure = f"{_cure(why)}; edgeagent tpu says more"
    told = "; ".join(f"{tpu}: {words}" for tpu, words in reading.lost.items())
    if reading.runs == "none":
        return State("fault", "none", f"nobody looks while the Edge TPU is away: {told}", cure)
    if reading.runs == "cpu":
        return State("warning", "fallback", f"the CPU looks, more slowly: {told}", cure)
    return State("warning", "fewer", f"{name} is away, {reading.runs} goes on: {told}", cure)


def _cure(words: str) -> str:
    """Return what to do about ``cause: why``."""
    cause = words.partition(":")[0]
    return next((cure for name, cure in CURES.items() if name == cause), CURES["error"])
