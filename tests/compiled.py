"""Bundles with a file for the simulated Edge TPU."""

import hashlib
from dataclasses import replace
from pathlib import Path

from edgeagent.model import Bundle, bundles_folder, find_bundle

from .edgetpu_sim.wrap import wrap_file


def compiled(folder: Path, name: str = "embed88-128") -> Bundle:
    """Return a bundle that ships, with its file made to look compiled, in ``folder``."""
    bundle = find_bundle(name, [bundles_folder()])
    cpu = bundle.files["cpu"]
    path = wrap_file(cpu.path, folder / f"{name}_edgetpu.tflite")
    data = path.read_bytes()
    made = replace(cpu, path=path, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    return replace(bundle, files={"cpu": cpu, "edgetpu": made})
