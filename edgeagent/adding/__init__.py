"""Makes a bundle of a .tflite file: reads it, guesses what it is, runs it, writes all that down."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from edgeagent import semver
from edgeagent.adding.anatomy import Anatomy
from edgeagent.adding.completing import completed
from edgeagent.adding.guess import Guess, guess, told
from edgeagent.adding.labels import labels_within, read_labels
from edgeagent.adding.pair import SUFFIX, Fallback, find_pair, match_pair
from edgeagent.adding.placing import placed
from edgeagent.adding.sealing import seal
from edgeagent.adding.showing import keep, show
from edgeagent.contents import LABELS
from edgeagent.decode import decode
from edgeagent.decode.golden import THRESHOLD, goldens
from edgeagent.engines import open_engine
from edgeagent.errors import BundleError, UsageError
from edgeagent.findings import Embedding, Finding
from edgeagent.heads import Task
from edgeagent.model import FIRST_AGENT, Bundle, Device, ModelFile, load_bundle
from edgeagent.pedigree import Data
from edgeagent.tensor import TensorSpec

Range = Literal["0..1", "-1..1", "0..255"]

RANGES: Mapping[Range, tuple[float, int]] = {
    "0..1": (1 / 255, 0),
    "-1..1": (1 / 128, 128),
    "0..255": (1.0, 0),
}
"""What a float model may take for black and white, as the scale and zero point of a byte."""

_FILES: Mapping[Device, str] = {"cpu": "model.tflite", "edgetpu": f"model{SUFFIX}.tflite"}
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


FIRST_VERSION = "1.0.0"


@dataclass(frozen=True, slots=True)
class Wish:
    """What an owner says of a model; what is left empty is found out."""

    model: Path
    edgetpu: Path | None = None
    """The file compiled for the Edge TPU."""
    labels: Path | None = None
    name: str = ""
    version: str = FIRST_VERSION
    licence: str = "not stated"
    origin: str = ""
    task: Task | None = None
    takes: Range | None = None
    """What a float model's input is scaled to; a quantised one's takes bytes."""
    fallback: Fallback = "cpu"
    stills: tuple[Path, ...] = ()
    """Pictures to try it on, which the bundle keeps; () takes those of the release."""
    replace: bool = False
    """Whether a bundle of this name may be there already."""
    data: tuple[Data, ...] = ()
    """What it was made of."""
    beside: Mapping[str, bytes] = field(default_factory=dict)
    """Other files that the bundle is to hold."""


def add(wish: Wish, into: Path, tell: Callable[[str], None]) -> Bundle:
    """Make a bundle in the folder ``into``.

    Args:
        wish: the files, and what their owner knows of them.
        into: where the bundles are.
        tell: hears, a line at a time, what was found out.

    Returns:
        The bundle, in its place.

    Raises:
        ModelError: the model cannot be read, guessed or run; nothing was written.
        UsageError: there is no place for it.
    """
    check_version(wish.version)
    files = find_pair(wish.model, wish.edgetpu, wish.fallback, tell)
    main = files.get("cpu") or files["edgetpu"]
    name = _name(wish, main)
    found = guess(main, _labels(wish, main), wish.task)
    tell(_story(main, found))
    taken = _taken(main, wish.takes)
    shown = show(main, taken, wish.stills) if "cpu" in files else []
    main, found = completed(main, found, shown)
    with placed(into, name, wish.replace) as folder:
        bundle = _filled(folder, wish, name, files | {next(iter(files)): main}, found, taken)
        keep(shown, found.roles, folder) if shown else tell(_UNSEEN)
        seal(bundle)
        _prove(folder, tell)
    return load_bundle(into / name)


_BLIND = (
    "nothing was seen, so an Edge TPU would have nothing to be compared by: add it again with "
    "--still FILE of what it is to see"
)
_UNSEEN = "without a file for the CPU it cannot be tried here, and has no golden pictures"


def _name(wish: Wish, main: Anatomy) -> str:
    stem = main.path.stem.removesuffix(SUFFIX)
    name = wish.name or re.sub(r"[^A-Za-z0-9_.-]+", "-", stem)[:64]
    if not _NAME.fullmatch(name) or name.startswith("."):
        raise UsageError(
            f"--name {name}: a bundle is named by 1 to 64 of A-Z a-z 0-9 _ . - and not by a first ."
        )
    return name


def check_version(text: str) -> None:
    """Refuse a version that cannot be ordered.

    Raises:
        UsageError: it is no semantic version.
    """
    try:
        semver.rank(text)
    except ValueError as error:
        raise UsageError(f"--version {error}") from error


def _labels(wish: Wish, main: Anatomy) -> tuple[str, ...]:
    return read_labels(wish.labels) if wish.labels else labels_within(main.path)


def _story(main: Anatomy, found: Guess) -> str:
    labels = f", {len(found.labels)} labels" if found.labels else ""
    return (
        f"{main.path.name}: takes {told(main.inputs[0].spec)}, {len(main.operators)} operators; "
        f"{found.why}: {found.task} by the decoder {found.decoder}{labels}"
    )


def _taken(main: Anatomy, takes: Range | None) -> TensorSpec:
    """Return the input, with what bytes are to a float one."""
    spec = main.inputs[0].spec
    if spec.dtype == "float32" and takes is None:
        raise BundleError(
            f"{main.path}: takes floats, and the file does not say which float is white; say "
            f"--takes {', '.join(RANGES)} as it was trained. The Edge TPU takes quantised ones only"
        )
    if spec.dtype != "float32" and takes is not None:
        raise UsageError(f"--takes {takes}: {main.path} takes {spec.dtype}, the bytes as they are")
    if takes is None:
        return spec
    scale, zero_point = RANGES[takes]
    return replace(spec, scale=scale, zero_point=zero_point)


def _filled(
    folder: Path,
    wish: Wish,
    name: str,
    files: Mapping[Device, Anatomy],
    found: Guess,
    taken: TensorSpec,
) -> Bundle:
    """Write the models, the labels and what goes beside them; return what the manifest says."""
    main = next(iter(files.values()))
    for device, model in files.items():
        (folder / _FILES[device]).write_bytes(model.path.read_bytes())
    if found.labels:
        (folder / LABELS).write_text("".join(f"{label}\n" for label in found.labels))
    for file, content in wish.beside.items():
        (folder / file).write_bytes(content)
    return Bundle(
        folder, found.labels, name, wish.version, found.task, found.decoder, wish.licence,
        wish.origin or _origin(main),
        {device: _file(folder, device, files, found, taken) for device in files},
        found.params, least_agent=FIRST_AGENT, data=wish.data,
    )  # fmt: skip


def _origin(main: Anatomy) -> str:
    return f"added from {main.path.name}"


def _file(
    folder: Path,
    device: Device,
    files: Mapping[Device, Anatomy],
    found: Guess,
    taken: TensorSpec,
) -> ModelFile:
    main, model = next(iter(files.values())), files[device]
    places = found.roles if model is main else match_pair(main, model, found)
    outputs = {
        role: replace(model.outputs[place].spec, shape=main.outputs[found.roles[role]].spec.shape)
        for role, place in places.items()
    }
    entry = replace(taken, name=model.inputs[0].spec.name)
    return ModelFile(folder / _FILES[device], model.size_bytes, model.sha256, entry, outputs)


def _prove(folder: Path, tell: Callable[[str], None]) -> None:
    """Read the bundle as the agent will, and say what it sees."""
    try:
        bundle = load_bundle(folder)
        if "cpu" in bundle.files:
            open_engine(bundle, warm=False).close()
    except BundleError as error:
        raise BundleError(str(error).replace(f"{folder}/", f"{folder.name}: ")) from error
    blind = True
    for golden in goldens(bundle):
        found = decode(bundle, bundle.files["cpu"], golden.outputs, THRESHOLD, top=3)
        words = ", ".join(_word(one) for one in found[:5])
        tell(f"shown {golden.name}: {words or f'nothing above {THRESHOLD}'}")
        blind = blind and not found
    if blind and "cpu" in bundle.files:
        tell(_BLIND)


def _word(one: Finding) -> str:
    if isinstance(one, Embedding):
        return f"a vector of {len(one.values)} bytes"
    return f"{one.name} {one.score:.2f}"
