"""Trains a small classifier on features, from nothing; the same data and seed, the same weights."""

import hashlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgeagent.errors import UsageError
from edgeagent.workshop.pipeline.featurising import Features, read_features
from edgeagent.workshop.training import crew

if TYPE_CHECKING:
    from edgeagent.workshop.training.team import Team

KERAS = "model.keras"
WEIGHTS = "weights.sha256"

WORKER = "edgeagent.workshop.pipeline.worker"

Tell = Callable[[str], None]
Net = Any
"""A Keras model."""

MOVE = 0.1
"""Farthest that a picture is moved, as a share of its side."""

DARKEST, BRIGHTEST = 0.3, 1.2

STEEPEST = 1.0
"""Length that a step's slope is cut to: one bad batch has killed every ReLU."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How it is learnt; what a sweep varies."""

    epochs: int = 20
    width: int = 16
    """Channels of the first layer; each after it has half as many again or twice."""
    rate: float = 2e-3
    batch: int = 32
    seed: int = 1
    workers: int = 1
    """Processes that share every batch."""

    def check(self) -> None:
        """Refuse what cannot be done.

        Raises:
            UsageError: with every fault.
        """
        bounds = (
            ("epochs", self.epochs, 1, 10_000), ("width", self.width, 4, 512),
            ("rate", self.rate, 1e-6, 1.0), ("batch", self.batch, 1, 4096),
            ("workers", self.workers, 1, 64),
        )  # fmt: skip
        faults = [
            f"{name} {value:g}: must be {least:g} to {most:g}"
            for name, value, least, most in bounds
            if not least <= value <= most
        ]
        if faults:
            raise UsageError("\n".join(faults))


def told(plan: Plan) -> dict[str, float]:
    """Return ``plan`` for a report."""
    return asdict(plan)


@dataclass(frozen=True, slots=True)
class Examples:
    """What is learnt from."""

    images: Features
    places: NDArray[np.int64]
    """Of each image's label among ``labels``."""
    labels: Sequence[str]


class Trainer(Protocol):
    """Whatever makes a Keras model of examples; `train` takes another one in the place of ours."""

    def __call__(self, examples: Examples, plan: Plan, tell: Tell, team: "Team") -> Net:
        """Return a model of ``[1, side, side, 3]`` bytes as floats that ends in a softmax.

        Args:
            examples: what is learnt from.
            plan: how.
            tell: hears of every epoch.
            team: who shares the work; each has the same examples.
        """
        ...


def train(
    features: Path, plan: Plan, into: Path, tell: Tell, trainer: Trainer | None = None
) -> str:
    """Write ``model.keras`` into the folder ``into`` and return the sha256 of its weights.

    The file itself has times in it, and differs each time.

    Args:
        features: as `featurise` left it.
        plan: how.
        into: a folder.
        tell: hears of every epoch.
        trainer: who does it; None: `classifier`. Several workers know only that one.

    Raises:
        UsageError: the plan cannot be carried out, or there is nothing to learn from.
    """
    plan.check()
    images, places, labels = read_features(features, "train")
    if not len(images):
        raise UsageError(f"{features}: no picture to train by; validate the data first")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if plan.workers > 1 and crew.CONFIG not in os.environ:
        return _together(features, plan, into)
    team = _team()
    net = (trainer or classifier)(Examples(images, places, labels), plan, tell, team)
    digest = weights_digest(net)
    if team.leads:
        into.mkdir(parents=True, exist_ok=True)
        net.save(into / KERAS)
        (into / WEIGHTS).write_text(digest + "\n")
    return digest


def _team() -> "Team":
    """Return who shares the work; where TF_CONFIG says so, all it names."""
    from edgeagent.workshop.training import team

    return team.Joined() if crew.CONFIG in os.environ else team.ALONE


def _together(features: Path, plan: Plan, into: Path) -> str:
    """Have processes of this machine train; each comes back to `train` with TF_CONFIG set."""
    words = [sys.executable, "-m", WORKER, str(features), str(into), json.dumps(told(plan))]
    if status := crew.run(words, plan.workers):
        raise UsageError(f"{plan.workers} workers: one ended with status {status}; it says why")
    return (into / WEIGHTS).read_text().strip()


def weights_digest(net: Net) -> str:
    """Return the sha256 of all weights, in their order."""
    whole = hashlib.sha256()
    for weight in net.get_weights():
        whole.update(repr((weight.shape, weight.dtype)).encode() + weight.tobytes())
    return whole.hexdigest()


def classifier(examples: Examples, plan: Plan, tell: Tell, team: "Team") -> Net:
    """Train the classifier that ships; a `Trainer`."""
    import tensorflow as tf

    tf.keras.utils.set_random_seed(plan.seed)
    tf.config.experimental.enable_op_determinism()
    net = network(examples.images.shape[1], len(examples.labels), plan.width)
    learn = _learner(net, plan, -(-len(examples.images) // plan.batch), team)
    draw = np.random.default_rng(plan.seed)
    for epoch in range(plan.epochs):
        order, losses = draw.permutation(len(examples.images)), []
        for at in range(0, len(order), plan.batch):
            chosen = order[at : at + plan.batch]
            losses.append(learn(vary(examples.images[chosen], draw), examples.places[chosen]))
        tell(f"epoch {epoch + 1} of {plan.epochs}: loss {np.mean(losses):.4f}")
    return net


def network(side_px: int, classes: int, width: int) -> Net:
    """Return a small net whose every operator an Edge TPU has."""
    from tensorflow.keras import Input, Model, layers

    image = Input((side_px, side_px, 3), name="image")
    x = layers.Rescaling(1 / 127.5, -1)(image)
    for channels in (width, width * 3 // 2, width * 2):
        x = layers.Conv2D(channels, 3, 2, "same", activation="relu")(x)
    x = layers.Conv2D(width * 2, 3, 1, "same", activation="relu")(x)
    x = layers.Flatten()(layers.MaxPooling2D(2)(x))
    return Model(image, layers.Dense(classes, activation="softmax", name="scores")(x))


def _learner(net: Net, plan: Plan, batches: int, team: "Team") -> Callable[..., float]:
    """Return what learns from one batch, and says its loss."""
    import tensorflow as tf

    fading = tf.keras.optimizers.schedules.CosineDecay(plan.rate, plan.epochs * batches)
    optimiser = tf.keras.optimizers.Adam(fading, clipnorm=STEEPEST)
    optimiser.build(net.trainable_variables)
    lossy = tf.keras.losses.SparseCategoricalCrossentropy(reduction="sum")

    def slopes(images: Any, places: Any) -> list[Any]:  # noqa: ANN401
        with tf.GradientTape() as tape:
            loss = lossy(places, net(images, training=True))
        return [loss, *tape.gradient(loss, net.trainable_variables)]

    made = tf.function(slopes, reduce_retracing=True)
    change = tf.function(lambda each: optimiser.apply(each, net.trainable_variables))

    def learn(images: NDArray[np.float32], places: Any) -> float:  # noqa: ANN401
        shares = [team.share(images), team.share(places)]
        loss, *summed = team.summed(made, shares)
        # By the whole batch: as many workers as there are, the step is the same.
        change([one / len(images) for one in summed])
        return float(loss) / len(images)

    return learn


def vary(images: Features, draw: np.random.Generator) -> NDArray[np.float32]:
    """Return ``images`` as floats, mirrored, moved, and lit otherwise."""
    count, side = len(images), images.shape[1]
    most = max(1, round(side * MOVE))
    out = np.empty(images.shape, np.float32)
    for place, image in enumerate(images):
        right, down = draw.integers(-most, most + 1, 2)
        flipped = image[:, ::-1] if draw.random() < 0.5 else image
        out[place] = np.roll(flipped, (down, right), (0, 1))
    gain = np.exp(draw.uniform(np.log(DARKEST), np.log(BRIGHTEST), (count, 1, 1, 1)))
    return np.asarray(np.clip(out * gain, 0, 255), np.float32)
