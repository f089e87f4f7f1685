"""The loop: epochs of batches, Adam, a checkpoint after each epoch; the same each time."""

import hashlib
import io
import json
import math
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from edgeagent.atomic import write_whole
from edgeagent.workshop.graph import Floats
from edgeagent.workshop.training.team import ALONE, Team

Weights = dict[str, Floats]

Tell = Callable[[str], None]
Progress = Callable[[float, float], None]

FADING = 0.9, 0.999, 1e-7
"""Adam's two memories and what keeps it from dividing by nothing (Kingma and Ba 2015)."""


class Task(Protocol):
    """What is to be learnt."""

    size: int
    """How many pictures there are."""
    key: str
    """Stands for the pictures, the front and the head."""

    def initial(self) -> Weights:
        """Return what the head begins with."""
        ...

    def batch(self, places: Sequence[int], draw: np.random.Generator) -> tuple[Floats, ...]:
        """Return pictures and what is wanted of each; the first axis of every array is theirs."""
        ...

    def loss(self, weights: Mapping[str, Any], *batch: Any) -> Any:  # noqa: ANN401
        """Return how wrong it is, as a sum over the pictures."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """How it is learnt."""

    epochs: int
    batch: int
    rate: float
    """The first step's; the last one's is nothing, along a cosine."""
    seed: int = 1


def fit(
    task: Task, plan: Plan, kept: Path, tell: Tell, progress: Progress, team: Team = ALONE
) -> Weights:
    """Learn, beginning where the checkpoint of the same task and plan ends.

    Args:
        task: what.
        plan: how.
        kept: file of the checkpoint; one of another task or plan is written over.
        tell: hears of each epoch when it is over.
        progress: hears of each batch.
        team: who shares the work; all are given the same task and plan.

    Returns:
        The head's weights: bit for bit the same, however often it was killed and begun again.
    """
    tf.config.experimental.enable_op_determinism()
    learner = _Learner(task, plan, team)
    key = _key(task, plan)
    done = _resumed(kept, key, learner)
    if done:
        tell(f"going on after epoch {done} of {plan.epochs}, as {kept} says")
    for epoch in range(done, plan.epochs):
        loss = learner.epoch(epoch, progress)
        if team.leads:
            write_whole(kept, _packed(key, epoch + 1, learner.state()))
        tell(f"epoch {epoch + 1} of {plan.epochs}: loss {loss:.4f}")
    return learner.weights()


def _key(task: Task, plan: Plan) -> str:
    told = [task.key, asdict(plan), tf.__version__]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


class _Learner:
    """Weights, and Adam's two memories of each."""

    def __init__(self, task: Task, plan: Plan, team: Team) -> None:
        self._task, self._plan, self._team = task, plan, team
        self._weights = {name: tf.Variable(value) for name, value in task.initial().items()}
        self._means = {name: tf.Variable(tf.zeros_like(w)) for name, w in self._weights.items()}
        self._squares = {name: tf.Variable(tf.zeros_like(w)) for name, w in self._weights.items()}
        self._batches = math.ceil(task.size / plan.batch)
        self._step = tf.function(self._stepped, autograph=False)

    def epoch(self, epoch: int, progress: Progress) -> float:
        """Learn from every picture once, and return the mean loss."""
        draw = np.random.default_rng((self._plan.seed, epoch))
        # Filled up from the front, so that all batches are of one size.
        order = np.resize(draw.permutation(self._task.size), self._batches * self._plan.batch)
        losses = []
        for number, places in enumerate(np.split(order, self._batches)):
            batch = self._task.batch(places.tolist(), draw)
            at = epoch * self._batches + number
            share = at / (self._plan.epochs * self._batches)
            rate = self._plan.rate * (1 + math.cos(math.pi * share)) / 2
            mine = [self._team.share(part) for part in batch]
            losses.append(float(self._step(tf.constant(rate), tf.constant(at + 1.0), *mine)))
            progress(at + 1, self._plan.epochs * self._batches)
        return sum(losses) / len(losses)

    def _stepped(self, rate: Any, at: Any, *batch: Any) -> Any:  # noqa: ANN401
        loss, *slopes = self._team.summed(self._slopes, batch)
        first, second, least = FADING
        for name, slope in zip(self._weights, slopes, strict=True):
            mean, square = self._means[name], self._squares[name]
            mean.assign(first * mean + (1 - first) * slope)
            square.assign(second * square + (1 - second) * slope * slope)
            far = mean / (1 - first**at) / (tf.sqrt(square / (1 - second**at)) + least)
            self._weights[name].assign_sub(rate * far)
        return loss

    def _slopes(self, *batch: Any) -> list[Any]:  # noqa: ANN401
        """Return the loss and its slope by each weight, as shares of the whole batch's mean."""
        with tf.GradientTape() as tape:
            loss = self._task.loss(self._weights, *batch) / self._plan.batch
        return [loss, *tape.gradient(loss, list(self._weights.values()))]

    def state(self) -> Weights:
        """Return all there is to go on from."""
        held = {"weight": self._weights, "mean": self._means, "square": self._squares}
        return {f"{kind}/{n}": v.numpy() for kind, those in held.items() for n, v in those.items()}

    def take(self, state: Mapping[str, Floats]) -> None:
        """Go on from `state`."""
        held = {"weight": self._weights, "mean": self._means, "square": self._squares}
        for kind, those in held.items():
            for name, variable in those.items():
                variable.assign(state[f"{kind}/{name}"])

    def weights(self) -> Weights:
        """Return the head's."""
        return {name: variable.numpy() for name, variable in self._weights.items()}


def _packed(key: str, epochs: int, state: Weights) -> bytes:
    packed = io.BytesIO()
    told: dict[str, Any] = {"key": np.array(key), "epochs": np.array(epochs), **state}
    np.savez(packed, **told)
    return packed.getvalue()


def _resumed(kept: Path, key: str, learner: _Learner) -> int:
    """Return how many epochs are done already."""
    try:
        # Read first: numpy leaves a file open that it finds to be no archive.
        with np.load(io.BytesIO(kept.read_bytes())) as stored:
            if str(stored["key"]) != key:
                return 0
            learner.take(stored)
            return int(stored["epochs"])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return 0
