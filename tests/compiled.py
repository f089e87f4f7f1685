"""Bundles as their owner would have them who has an Edge TPU: a release's, compiled besides."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

from edgeagent.model import Bundle, bundles_folder, find_bundle, load_bundle

from .edgetpu_sim.wrap import wrap_file


def compiled(folder: Path, name: str = "embed88-128") -> Bundle:
    """Return a bundle that ships, with its file made to look compiled, in ``folder``."""
    bundle = find_bundle(name, [bundles_folder()])
    cpu = bundle.files["cpu"]
    path = wrap_file(cpu.path, folder / f"{name}_edgetpu.tflite")
    data = path.read_bytes()
    made = replace(cpu, path=path, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    return replace(bundle, files={"cpu": cpu, "edgetpu": made})


def compiled_bundle(name: str, folder: Path, with_cpu: bool = True) -> Bundle:
    """Copy the release's bundle ``name`` into ``folder``, with a file for the simulator in it."""
    place = folder / name
    shutil.copytree(bundles_folder() / name, place)
    made = wrap_file(place / "model.tflite", place / "model_edgetpu.tflite")
    manifest = place / "manifest.toml"
    text = manifest.read_text()
    begin = text.index("[files.cpu]")
    cpu = text[begin:]
    other = cpu.replace("files.cpu", "files.edgetpu").replace("model.tflite", made.name)
    lines = [_told(line, made) for line in other.splitlines()]
    kept = text if with_cpu else text[:begin]
    manifest.write_text(kept + "\n" + "\n".join(lines) + "\n")
    return load_bundle(place)


def _told(line: str, file: Path) -> str:
    if line.startswith("size_bytes"):
        return f"size_bytes = {file.stat().st_size}"
    if line.startswith("sha256"):
        return f'sha256 = "{hashlib.sha256(file.read_bytes()).hexdigest()}"'
    return line
