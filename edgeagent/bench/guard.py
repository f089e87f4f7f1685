"""A fast model that answers wrongly is no fast model: the same engine is asked the goldens."""

import msgspec

from edgeagent.decode.golden import Golden, differences, goldens
from edgeagent.engines import Engine
from edgeagent.preprocess import put


class Guard(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far an engine's answers agree with the CPU's of when the bundle was made."""

    asked: int
    agreed: int
    differences: tuple[str, ...] = ()
    """In words; at most `_TOLD`."""

    @property
    def good(self) -> bool:
        """Whether nothing differs by more than the bundle allows."""
        return self.agreed == self.asked


_TOLD = 10


def guard(engine: Engine) -> Guard | None:
    """Ask ``engine`` its bundle's goldens; None where there is nothing to compare with.

    Raises:
        AcceleratorError: it did not run.
    """
    if engine.name == "scripted" or "cpu" not in engine.bundle.files:
        return None
    known = goldens(engine.bundle)
    told = [_asked(engine, golden) for golden in known]
    words = [word for some in told for word in some]
    return (
        Guard(len(known), sum(not some for some in told), tuple(words[:_TOLD])) if known else None
    )


def _asked(engine: Engine, golden: Golden) -> list[str]:
    with engine.seat() as seat:
        put(golden.image, seat.input, engine.takes)
        outputs = seat.run()
        return differences(engine.bundle, seat.file, golden, outputs)
