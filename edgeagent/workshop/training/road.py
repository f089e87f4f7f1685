"""The whole way: an owner's pictures, a new head, eight bits, a bundle, and how good it is."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgeagent.adding import Wish, add
from edgeagent.errors import UsageError
from edgeagent.model import Bundle, bundles_folder, load_bundle
from edgeagent.workshop.born import Born
from edgeagent.workshop.build import Built, build
from edgeagent.workshop.pictures import Image, packaged_pictures, varied
from edgeagent.workshop.training import fitting, precision
from edgeagent.workshop.training.album import Album, read_album, split
from edgeagent.workshop.training.boxes import Boxed, read_boxed
from edgeagent.workshop.training.classifier import Classifier
from edgeagent.workshop.training.detector import Detector
from edgeagent.workshop.training.fitting import Plan, Progress, Tell
from edgeagent.workshop.training.front import Front
from edgeagent.workshop.training.judging import Verdict, judge
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


def tune_classifier(
    order: Order, front: Front, plan: Plan, tell: Tell, progress: Progress, team: Team = ALONE
) -> tuple[Bundle, Verdict] | None:
    """Learn what the pictures of ``order`` show, make a bundle of it, and judge that.

    Returns:
        The bundle in its place and how it did; None for who only helps.

    Raises:
        UsageError: the pictures will not do, or there is no place for the bundle.
        ModelError: it cannot be quantised, or does not run.
    """
    _check_place(order)
    learnt, held = albums(order, front.side_px)
    tell(f"{len(learnt.images)} pictures to learn from, {len(held.images)} held out to judge by")
    task = Classifier(learnt, front)
    order.work.mkdir(parents=True, exist_ok=True)
    weights = fitting.fit(task, plan, order.work / "classifier.npz", tell, progress, team)
    if not team.leads:
        return None
    built = _built(task.born(weights), order.name, [*learnt.images], tell)
    bundle = _bundled(order, front, built, learnt.labels, tell)
    return bundle, judge(task, weights, bundle, held)


def tune_detector(
    order: Order, front: Front, plan: Plan, tell: Tell, progress: Progress, team: Team = ALONE
) -> tuple[Bundle, Precision] | None:
    """Learn where the things in the pictures of ``order`` are; else as `tune_classifier`."""
    _check_place(order)
    learnt, held = boxed(order, front.side_px)
    tell(f"{len(learnt.images)} pictures to learn from, {len(held.images)} held out to judge by")
    task = Detector(learnt, front)
    order.work.mkdir(parents=True, exist_ok=True)
    weights = fitting.fit(task, plan, order.work / "detector.npz", tell, progress, team)
    if not team.leads:
        return None
    built = _built(task.born(weights), order.name, [*learnt.images], tell)
    bundle = _bundled(order, front, built, learnt.labels, tell)
    ready = load_bundle(bundles_folder() / READY)
    return bundle, precision.judge(task, weights, bundle, ready, held)


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
    target = order.into / order.name
    if target.exists() and not order.replace:
        raise UsageError(f"{target}: is there already; give --replace, or another --name")


def _built(born: Born, name: str, images: Sequence[Image], tell: Tell) -> Built:
    chosen = images[:: max(1, len(images) // CALIBRATED_BY)][:CALIBRATED_BY]
    views = [*chosen, *varied(packaged_pictures())]
    built = build(born, name, views, tell, modes=("float", "int8"))
    # How long each step's model took is this machine's, and would differ each time.
    rows = [replace(row, ms=float("nan")) for row in built.report.rows]
    return replace(built, report=replace(built.report, rows=rows))


def _bundled(order: Order, front: Front, built: Built, labels: Sequence[str], tell: Tell) -> Bundle:
    origin = f"{front.name} with a head trained on {order.data.name}"
    licence = f"{front.licence}; the head: as the pictures it was trained on"
    with tempfile.TemporaryDirectory() as folder:
        path, names = Path(folder) / f"{order.name}.tflite", Path(folder) / "labels.txt"
        path.write_bytes(built.model)
        names.write_text("".join(f"{label}\n" for label in labels))
        wish = Wish(
            path, labels=names, name=order.name, licence=licence, origin=origin,
            replace=order.replace,
        )  # fmt: skip
        bundle = add(wish, order.into, tell)
    built.report.write(bundle.folder / "report.json")
    return bundle
