"""The whole way: an owner's pictures, a new head, eight bits, a bundle, and how good it is."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from edgeagent.adding import FIRST_VERSION, Wish, add, check_version
from edgeagent.adding.sealing import seal
from edgeagent.atomic import write_whole
from edgeagent.card.quality import EVALUATION
from edgeagent.errors import UsageError
from edgeagent.evaluation.report import Report
from edgeagent.model import Bundle, bundles_folder, load_bundle
from edgeagent.pedigree import Data, Use, digest_of
from edgeagent.workshop.born import Born
from edgeagent.workshop.build import Built, build
from edgeagent.workshop.pictures import Image, packaged_data, packaged_pictures, varied
from edgeagent.workshop.training import fitting, precision
from edgeagent.workshop.training.album import Album, read_album, split
from edgeagent.workshop.training.boxes import Boxed, read_boxed
from edgeagent.workshop.training.classifier import Classifier
from edgeagent.workshop.training.detector import Detector
from edgeagent.workshop.training.fitting import Plan, Progress, Tell, Weights
from edgeagent.workshop.training.front import Front
from edgeagent.workshop.training.judging import judge
from edgeagent.workshop.training.precision import Precision
from edgeagent.workshop.training.team import ALONE, Team

READY = "coco16-320"
"""The detector of the release, with which a new one is compared."""

CALIBRATED_BY = 32
"""Pictures of the owner's. The stills that packages ship are added: pictures that are all alike
can leave a layer of the front at nothing, whose eight bits then have no range, and the interpreter
refuses the file."""


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants tuned."""

    data: Path
    """Pictures: a folder a class; for a detector with boxes."""
    work: Path
    """For the checkpoint."""
    into: Path
    """Where bundles are."""
    name: str
    held: Path | None = None
    """Pictures to judge by; None: some of ``data`` are held out."""
    replace: bool = False
    """Whether a bundle of this name may be there already."""
    version: str = FIRST_VERSION
    data_licence: str = "not stated"
    """Of the pictures."""
    made_by: str = ""
    """What generated them, where they were."""


def albums(order: Order, side_px: int) -> tuple[Album, Album]:
    """Return what to learn from, and what to judge by.

    Raises:
        UsageError: see `read_album`; or the folder to judge by has other classes.
    """
    if order.held is None:
        album = read_album(order.data, side_px)
        learnt, held = split(album.classes.tolist(), album.digests)
        return album.part(learnt), album.part(held)
    album = read_album(order.data, side_px, least=1)
    return album, read_album(order.held, side_px, least=1).named(album.labels, order.held)


def boxed(order: Order, side_px: int) -> tuple[Boxed, Boxed]:
    """Return what to learn from, and what to judge by.

    Raises:
        UsageError: see `read_boxed`.
    """
    whole = read_boxed(order.data, side_px)
    if order.held is None:
        return whole.halves()
    return whole, read_boxed(order.held, side_px, whole.labels)


def _check_place(order: Order) -> None:
    """Refuse before minutes have gone into it."""
    check_version(order.version)
    target = order.into / order.name
    if target.exists() and not order.replace:
        raise UsageError(f"{target}: is there already; give --replace, or another --name")


class Pictures(Protocol):
    """What is learnt from, or judged by."""

    @property
    def labels(self) -> tuple[str, ...]:
        """All that it may show."""
        ...

    @property
    def images(self) -> NDArray[np.uint8]:
        """``[n, side, side, 3]``."""
        ...

    @property
    def digests(self) -> tuple[str, ...]:
        """sha256 of each file."""
        ...


class Head(fitting.Task, Protocol):
    """What is learnt, and becomes a graph."""

    def born(self, weights: Weights) -> Born:
        """Return front and head as one graph."""
        ...


class Judgement(Protocol):
    """How good it is."""

    @property
    def report(self) -> Report | None:
        """All that was measured of the quantised model."""
        ...

    def lines(self) -> Iterator[str]:
        """Return a table."""
        ...


P = TypeVar("P", bound=Pictures)
H = TypeVar("H", bound=Head)
J = TypeVar("J", bound=Judgement)


@dataclass(frozen=True, slots=True)
class Way(Generic[P, H, J]):
    """What is special to one kind of model."""

    name: str
    pictures: Callable[[Order, int], tuple[P, P]]
    """What to learn from and what to judge by, for a side in pixels."""
    head: Callable[[P, Front], H]
    judge: Callable[[H, Weights, Bundle, P], J]


def _beside_ready(task: Detector, weights: Weights, bundle: Bundle, held: Boxed) -> Precision:
    ready = load_bundle(bundles_folder() / READY)
    return precision.judge(task, weights, bundle, ready, held)


CLASSIFIER = Way("classifier", albums, Classifier, judge)
DETECTOR = Way("detector", boxed, Detector, _beside_ready)


def tune(
    way: Way[P, H, J], order: Order, front: Front, plan: Plan, tell: Tell, progress: Progress,
    team: Team = ALONE,
) -> tuple[Bundle, J] | None:  # fmt: skip
    """Learn what the pictures of ``order`` show, make a bundle of it, and judge that.

    Returns:
        The bundle in its place and how it did; None for who only helps.

    Raises:
        UsageError: the pictures will not do, or there is no place for the bundle.
        ModelError: it cannot be quantised, or does not run.
    """
    _check_place(order)
    learnt, held = way.pictures(order, front.side_px)
    tell(f"{len(learnt.images)} pictures to learn from, {len(held.images)} held out to judge by")
    task = way.head(learnt, front)
    order.work.mkdir(parents=True, exist_ok=True)
    weights = fitting.fit(task, plan, order.work / f"{way.name}.npz", tell, progress, team)
    if not team.leads:
        return None
    built = _built(task.born(weights), order.name, [*learnt.images], tell)
    bundle = _bundled(order, front, built, learnt.labels, _data(order, front, learnt, held), tell)
    found = way.judge(task, weights, bundle, held)
    return _told(bundle, found.report), found


def _data(order: Order, front: Front, learnt: Pictures, held: Pictures) -> tuple[Data, ...]:
    """Return what the bundle is to say that it was made of."""
    places = _chosen(len(learnt.digests))
    chosen = [learnt.digests[place] for place in places]
    parts: Sequence[tuple[Use, Path, Sequence[str]]] = (
        ("train", order.data, learnt.digests), ("calibrate", order.data, chosen),
        ("judge", order.held or order.data, held.digests),
    )  # fmt: skip
    own = [
        Data(
            use,
            order.made_by or folder.resolve().name,
            order.data_licence,
            len(digests),
            digest_of(digests),
        )
        for use, folder, digests in parts
    ]
    return (*front.data, *own, packaged_data())


def _told(bundle: Bundle, report: Report | None) -> Bundle:
    """Put what was measured into the bundle."""
    if report is not None:
        write_whole(bundle.folder / EVALUATION, report.json().encode() + b"\n")
        seal(bundle)
    return load_bundle(bundle.folder)


def _chosen(count: int) -> range:
    """Return the places of pictures to calibrate by, spread over all."""
    return range(0, count, max(1, count // CALIBRATED_BY))[:CALIBRATED_BY]


def _built(born: Born, name: str, images: Sequence[Image], tell: Tell) -> Built:
    views = [*(images[place] for place in _chosen(len(images))), *varied(packaged_pictures())]
    return build(born, name, views, tell, modes=("float", "int8"))


def _bundled(
    order: Order, front: Front, built: Built, labels: Sequence[str], data: tuple[Data, ...],
    tell: Tell,
) -> Bundle:  # fmt: skip
    origin = f"{front.name} with a head trained on {order.data.name}"
    licence = f"{front.licence}; the head: as the pictures it was trained on"
    with tempfile.TemporaryDirectory() as folder:
        path, names = Path(folder) / f"{order.name}.tflite", Path(folder) / "labels.txt"
        path.write_bytes(built.model)
        names.write_text("".join(f"{label}\n" for label in labels))
        wish = Wish(
            path, labels=names, name=order.name, version=order.version, licence=licence,
            origin=origin, replace=order.replace, data=data,
            beside={"report.json": built.report.timeless()},
        )  # fmt: skip
        return add(wish, order.into, tell)
