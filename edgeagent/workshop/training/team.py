"""Who shares the work of one training: one process, or several that TensorFlow joins."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import tensorflow as tf

from edgeagent.workshop.graph import Floats


class Team(Protocol):
    """Workers with the same weights, each with its share of every batch."""

    leads: bool
    """Whether this one writes what all have learnt."""

    def share(self, part: Floats) -> Any:  # noqa: ANN401
        """Return what this worker takes of an array of the whole batch."""
        ...

    def summed(self, work: Callable[..., list[Any]], batch: Sequence[Any]) -> list[Any]:
        """Do ``work`` on the share, and return the sums of what all workers made of theirs."""
        ...


class Alone:
    """One process."""

    leads = True

    def share(self, part: Floats) -> Any:  # noqa: ANN401
        """See `Team.share`."""
        return tf.constant(part)

    def summed(self, work: Callable[..., list[Any]], batch: Sequence[Any]) -> list[Any]:
        """See `Team.summed`."""
        return work(*batch)


ALONE = Alone()


class Joined:
    """One of several processes that TF_CONFIG names.

    Weights are each worker's own, begun alike and changed alike by the same sums; so nothing but
    slopes goes between them.
    """

    def __init__(self) -> None:
        # First of all TensorFlow does: it opens the server of this worker.
        self._strategy = tf.distribute.MultiWorkerMirroredStrategy()
        resolver = self._strategy.cluster_resolver
        self._index = int(resolver.task_id)
        self._count = self._strategy.num_replicas_in_sync
        self.leads = self._index == 0

    def share(self, part: Floats) -> Any:  # noqa: ANN401
        """See `Team.share`: every so manieth picture."""
        return tf.constant(part[self._index :: self._count])

    def summed(self, work: Callable[..., list[Any]], batch: Sequence[Any]) -> list[Any]:
        """See `Team.summed`."""
        made = self._strategy.run(work, args=tuple(batch))
        add = tf.distribute.ReduceOp.SUM
        return [self._strategy.reduce(add, one, axis=None) for one in made]
