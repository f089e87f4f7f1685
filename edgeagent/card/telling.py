"""The same as the card, for machines: one JSON object."""

from dataclasses import asdict, replace
from typing import Any

from edgeagent.card.quality import Quality, quality_of
from edgeagent.contents import MANIFEST, digest
from edgeagent.model import Bundle, ModelFile

SCHEMA = "edgeagent.card/1"


def told(bundle: Bundle) -> dict[str, Any]:
    """Return all that is known of ``bundle``.

    Its ``sha256`` is the manifest's, which has every other file's but the card's: it stands for
    the whole.

    Raises:
        BundleError: its evaluation is none, or of another model.
    """
    alike = ("name", "version", "least_agent", "task", "decoder", "licence", "origin")
    return {
        "schema": SCHEMA,
        **{key: getattr(bundle, key) for key in alike},
        "sha256": digest(bundle.folder / MANIFEST),
        "labels": list(bundle.labels),
        "params": asdict(bundle.params),
        "golden": asdict(bundle.golden),
        "files": {device: _file(file, bundle) for device, file in bundle.files.items()},
        "data": [asdict(one) for one in bundle.data],
        "contents": {
            str(one.path.relative_to(bundle.folder)): one.sha256 for one in bundle.contents
        },
        "evaluation": _quality(quality_of(bundle)),
        "folder": str(bundle.folder),
    }


def _file(file: ModelFile, bundle: Bundle) -> dict[str, Any]:
    said = asdict(replace(file, outputs={}))
    outputs = {role: asdict(spec) for role, spec in file.outputs.items()}
    return said | {"path": str(file.path.relative_to(bundle.folder)), "outputs": outputs}


def _quality(found: Quality | None) -> dict[str, Any] | None:
    if found is None:
        return None
    slices = [
        {"slice": part.name, "examples": part.examples, "metrics": dict(part.figures)}
        for part in found.parts
    ]
    return {
        "engine": found.engine, "sha256": found.sha256, "data": found.data,
        "pictures": found.pictures, "slices": slices,
    }  # fmt: skip
