"""The model bundle: a folder with a model, and a manifest that says what the model is.

Everything is checked here, sizes and digests included, before an interpreter sees a byte: some
interpreters crash on a damaged file instead of refusing it.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta

from edgeagent import __version__, contents, semver
from edgeagent.contents import LABELS, MANIFEST, Listed
from edgeagent.errors import DAMAGED, AgentTooOldError, BundleError
from edgeagent.heads import PLAIN, ROLES, Decoder, Params, Task, faults, spec_faults
from edgeagent.manifest import Reader, did_you_mean, toml
from edgeagent.pedigree import Data
from edgeagent.tensor import TensorSpec

Device = Literal["cpu", "edgetpu"]

ANY_AGENT = "0.0.0"

FIRST_AGENT = "0.1.0"
"""The first release that reads all that manifests may say; what is made here wants it."""

_CURE = "deploy the bundle again"


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a machine's outputs may be from the golden ones.

    Quantised outputs differ by a few steps between architectures and runtimes, so goldens are
    compared by what they decode to.
    """

    iou: Annotated[float, Meta(ge=0, le=1)] = 0.9
    score: Annotated[float, Meta(ge=0, le=1)] = 0.05
    cosine: Annotated[float, Meta(ge=-1, le=1)] = 0.99


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One compiled form of the model, for one kind of device."""

    path: Path
    size_bytes: Annotated[int, Meta(ge=1)]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    input: TensorSpec
    outputs: Mapping[str, TensorSpec]
    """Role to tensor. A tensor is known by its name in the file or, as ``#2``, by its place
    in file order, counted from 0; two files of one model may order them differently."""

    @property
    def digest8(self) -> str:
        """First 8 hex digits of the sha256, which events carry."""
        return self.sha256[:8]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose files are what its manifest says."""

    folder: Path
    labels: tuple[str, ...]
    """Names in the order of the model's classes; empty for an embedding."""
    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,64}\Z")]
    version: Annotated[str, Meta(min_length=1, max_length=64)]
    task: Task
    decoder: Decoder
    licence: Annotated[str, Meta(min_length=1)]
    origin: Annotated[str, Meta(min_length=1)]
    files: Mapping[Device, ModelFile]
    """One for ``cpu``, and one for ``edgetpu`` where it was compiled; at least one of them."""
    params: Params = PLAIN
    golden: Tolerance = Tolerance()
    least_agent: Annotated[str, Meta(max_length=64)] = ANY_AGENT
    """The oldest release that may run it."""
    data: tuple[Data, ...] = ()
    """What it was made of."""
    contents: tuple[Listed, ...] = ()
    """Every file but the models; () in a bundle from before this was said."""

    @property
    def rank(self) -> semver.Rank:
        """By which versions of one model are ordered; of older bundles `semver.rank_of_any`."""
        return semver.rank_of_any(self.version)

    @property
    def some_file(self) -> ModelFile:
        """The ``cpu`` file where there is one: what is alike in both may be asked of it."""
        return self.files.get("cpu") or self.files["edgetpu"]

    def cpu_file(self) -> ModelFile:
        """Return the file that runs without an Edge TPU.

        Raises:
            BundleError: there is none, with what to do about it.
        """
        if "cpu" not in self.files:
            raise BundleError(
                f"{self.folder}: files.cpu: missing; nothing would look while the Edge TPU is "
                "away. Put the .tflite that was compiled beside the compiled one and describe it "
                'in [files.cpu], or set [model] fallback = "none"'
            )
        return self.files["cpu"]


def bundles_folder() -> Path:
    """Return where the bundles of this release are: in a checkout ``models/``, else the wheel's."""
    package = Path(__file__).parent
    checkout = package.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / "models").is_dir():
        return checkout / "models"
    return package / "models"


def list_bundles(folder: Path) -> list[Path]:
    """Return the folders in ``folder`` that hold a manifest, in order of name."""
    return sorted(path.parent for path in folder.glob("*/manifest.toml"))


def find_bundle(name: str, folders: Sequence[Path]) -> Bundle:
    """Load the bundle ``name`` from the first of ``folders`` that has it.

    Raises:
        BundleError: none has it, or the one found cannot be used.
    """
    found = [path for folder in folders for path in list_bundles(folder)]
    for path in found:
        if path.name == name:
            return _named(load_bundle(path), name)
    searched = " or ".join(str(folder) for folder in folders) or "no folder"
    near = did_you_mean(name, {path.name for path in found}) if found else "; there is none at all"
    raise BundleError(f"{name!r}: no such model bundle in {searched}{near}")


def _named(bundle: Bundle, name: str) -> Bundle:
    if bundle.name != name:
        manifest = bundle.folder / MANIFEST
        raise BundleError(f"{manifest}: name: is {bundle.name!r}, its folder {name!r}; {_CURE}")
    return bundle


def load_bundle(folder: Path, everything: bool = False) -> Bundle:
    """Read and check the bundle in ``folder``.

    Args:
        folder: with ``manifest.toml`` in it.
        everything: check also the digests of what the agent does not read.

    Raises:
        AgentTooOldError: it is for newer agents, whatever else may be wrong with it.
        BundleError: with every fault found, one a line, each with file, value and cure.
    """
    manifest = folder / MANIFEST
    table = _table(manifest)
    _check_agent(manifest, table.get("least_agent"))
    faults: list[str] = []
    labels = contents.read_labels(folder / LABELS, faults) if table.get("task") != "embed" else ()
    said: list[str] = []
    given = {"folder": folder, "labels": labels}
    bundle = Reader(folder, said).read(Bundle, table, given=given)
    if bundle is not None:
        said += _contradictions(bundle)
        faults += _file_faults(bundle, everything)
    faults += [f"{manifest}: {fault}" for fault in said]
    if bundle is None or faults:
        raise BundleError("\n".join(f"{fault}; {_CURE}" for fault in faults))
    return bundle


def _table(manifest: Path) -> dict[str, Any]:
    try:
        return toml(contents.read_text(manifest))
    except tomllib.TOMLDecodeError as error:
        raise BundleError(f"{manifest}: is not TOML: {error}; {_CURE}") from error
    except DAMAGED as error:
        raise BundleError(f"{manifest}: cannot be read ({error}); {_CURE}") from error


def _check_agent(manifest: Path, wanted: object) -> None:
    """Refuse what is for newer agents first: they may know keys that this one would call wrong."""
    least = semver.rank_of_any(wanted) if isinstance(wanted, str) else semver.UNKNOWN
    if least > semver.rank_of_release(__version__):
        raise AgentTooOldError(
            f"{manifest}: least_agent: the bundle is for edgeagent {wanted} and newer, and this is "
            f"{__version__}; {AgentTooOldError.cure}"
        )


def _file_faults(bundle: Bundle, everything: bool) -> Iterator[str]:
    for file in bundle.files.values():
        if fault := contents.fault_of(file.path, bundle.folder, file.sha256, file.size_bytes):
            yield f"{file.path}: {fault}"
    yield from contents.faults(bundle.folder, bundle.contents, everything)


def _version_faults(bundle: Bundle) -> Iterator[str]:
    """Yield what is wrong with versions; bundles from before ``least_agent`` may say anything."""
    if bundle.least_agent != ANY_AGENT:
        for key in ("version", "least_agent"):
            try:
                semver.rank(getattr(bundle, key))
            except ValueError as error:
                yield f"{key}: {error}"


def _contradictions(bundle: Bundle) -> Iterator[str]:
    """Yield what is wrong between keys that are each right."""
    yield from _version_faults(bundle)
    task, roles = ROLES[bundle.decoder]
    if task != bundle.task:
        yield f"decoder: {bundle.decoder!r} is for the task {task!r}, not {bundle.task!r}"
    inputs = {replace(file.input, name="") for file in bundle.files.values()}
    if len(inputs) > 1:
        # A frame that one device dropped is run again on the other, as it lies there.
        yield "files.edgetpu.input: is not as files.cpu.input but for its name"
    for device, file in bundle.files.items():
        where = f"files.{device}."
        if file.outputs.keys() != roles:
            there, wanted = ", ".join(sorted(file.outputs)), ", ".join(sorted(roles))
            yield f"{where}outputs: the roles are {there}; {bundle.decoder!r} wants {wanted}"
        for fault in _tensor_faults(bundle, file):
            yield where + fault if fault.startswith(("input", "outputs")) else fault


def _tensor_faults(bundle: Bundle, file: ModelFile) -> list[str]:
    """Return what is wrong with the tensors; shapes are compared once each is sound."""
    wrong = [*spec_faults(file.input, file.outputs)]
    if wrong or file.outputs.keys() != ROLES[bundle.decoder][1]:
        return wrong
    labels = len(bundle.labels)
    return [*faults(bundle.decoder, bundle.params, labels, file.input, file.outputs)]
