"""Puts a compiled file into the bundle it was compiled from; the bundle stays whole throughout."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from edgeagent.adding.anatomy import Anatomy, examine
from edgeagent.adding.guess import Guess
from edgeagent.adding.pair import SUFFIX, match_pair
from edgeagent.adding.placing import placed
from edgeagent.adding.sealing import seal
from edgeagent.errors import BundleError, UsageError
from edgeagent.model import Bundle, ModelFile, load_bundle

FILE = f"model{SUFFIX}.tflite"
REPORT = "report.json"


def add_compiled(
    bundle: Bundle, compiled: Path, into: Path, told: Mapping[str, object], over: bool = False
) -> Bundle:
    """Add the file ``compiled`` to ``bundle``.

    Args:
        bundle: what it was compiled from; its ``cpu`` file is compared with it.
        compiled: what edgetpu_compiler made.
        into: where the bundle is to stand: beside where it is, in its own place, or elsewhere.
        told: what the bundle's report is to say of it.
        over: take the place of a compiled file, or of a bundle, that is there.

    Returns:
        The bundle, in its place.

    Raises:
        BundleError: the two are not of one model; nothing was written.
        UsageError: there is one already, or the folder cannot be written.
    """
    cpu, other = examine(bundle.cpu_file().path), examine(compiled)
    file = _file(bundle, cpu, other)
    in_place = into.resolve() == bundle.folder.resolve().parent
    if "edgetpu" in bundle.files and in_place and not over:
        raise UsageError(f"{bundle.folder}: has a file for the Edge TPU already; give --replace")
    with placed(into, bundle.folder.name, in_place or over) as folder:
        shutil.copytree(bundle.folder, folder, dirs_exist_ok=True)
        if "edgetpu" in bundle.files:
            (folder / bundle.files["edgetpu"].path.relative_to(bundle.folder)).unlink()
        shutil.copyfile(compiled, folder / FILE)
        _report(folder / REPORT, bundle, told)
        _close(bundle, folder, file)
    return load_bundle(into / bundle.folder.name)


def _file(bundle: Bundle, cpu: Anatomy, compiled: Anatomy) -> ModelFile:
    roles = match_pair(cpu, compiled, _known(bundle, cpu))
    file = bundle.cpu_file()
    # Shapes of a detector's end stand in the manifest, and not in the file.
    outputs = {
        role: replace(compiled.outputs[place].spec, shape=file.outputs[role].shape)
        for role, place in roles.items()
    }
    taken = replace(file.input, name=compiled.inputs[0].spec.name)
    return ModelFile(compiled.path, compiled.size_bytes, compiled.sha256, taken, outputs)


def _known(bundle: Bundle, cpu: Anatomy) -> Guess:
    """Return what the manifest says of the file, in the terms in which pairs are compared."""
    places = {f"#{place}": place for place in range(len(cpu.outputs))}
    places |= {port.spec.name: place for place, port in enumerate(cpu.outputs)}
    try:
        roles = {role: places[spec.name] for role, spec in bundle.cpu_file().outputs.items()}
    except KeyError as error:
        raise BundleError(
            f"{bundle.folder}: files.cpu.outputs: the file has no tensor {error}; "
            "deploy the bundle again"
        ) from error
    return Guess(bundle.decoder, roles, bundle.labels, bundle.params, "is what the manifest says")


def _report(path: Path, bundle: Bundle, told: Mapping[str, object]) -> None:
    """Add what is told to the report of the build, or begin one."""
    known: object = {}
    if path.is_file():
        try:
            known = json.loads(path.read_text())
        except (ValueError, RecursionError) as error:
            raise BundleError(f"{path}: is not JSON ({error}); deploy the bundle again") from error
    start = known if isinstance(known, dict) else {}
    whole = {"name": bundle.name, **start, "edgetpu": dict(told)}
    path.write_text(json.dumps(whole, indent=1, sort_keys=True) + "\n")


def _close(bundle: Bundle, folder: Path, compiled: ModelFile) -> None:
    """Write what is in the copy of ``bundle`` now, and read it as the agent will."""
    files = {**bundle.files, "edgetpu": compiled}
    paths = {d: folder / f.path.relative_to(bundle.folder) for d, f in bundle.files.items()}
    paths["edgetpu"] = folder / FILE
    moved = {device: replace(file, path=paths[device]) for device, file in files.items()}
    try:
        seal(replace(bundle, folder=folder, files=moved))
        load_bundle(folder)
    except BundleError as error:
        raise BundleError(str(error).replace(f"{folder}/", f"{folder.name}: ")) from error
