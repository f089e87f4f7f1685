"""Each step as a component of Kubeflow Pipelines: typed, and of use by itself.

A component's source is sent along whole, so its body imports what it needs; the image that it runs
in has edgeagent and TensorFlow installed (docs/pipeline.md says how to make one). Nothing is
installed while it runs. Annotations are looked up by name where it runs: only kfp's and typing's.
"""

import os
from types import SimpleNamespace

from kfp import dsl
from kfp.dsl import HTML, Artifact, Dataset, Input, Metrics, Model, Output

IMAGE = os.environ.get("EDGEAGENT_PIPELINE_IMAGE", "edgeagent-pipeline:python3.11")
"""What steps run in on a cluster; a push to your own registry gives it a name there."""


def ingest(source: str, seed: int, dataset: Output[Dataset]) -> str:
    """Take pictures in: a folder that every step can reach, or ``example``; gives the digest."""
    from pathlib import Path

    from edgeagent.workshop.pipeline.ingest import ingest

    digest = ingest(source, Path(dataset.path), seed)
    dataset.metadata["sha256"] = digest
    return digest


def validate(
    dataset: Input[Dataset], least: int, most_ratio: float, validation: Output[Artifact],
    metrics: Output[Metrics],
) -> None:  # fmt: skip
    """Refuse broken pictures and lopsided classes, every fault at once."""
    from pathlib import Path

    from edgeagent.workshop.pipeline.validating import Bounds, validate

    counts = validate(Path(dataset.path), Bounds(least, most_ratio), Path(validation.path))
    for name, count in counts.items():
        metrics.log_metric(name, count)


def featurise(
    dataset: Input[Dataset], validation: Input[Artifact], side_px: int, features: Output[Dataset]
) -> str:
    """Make what a model is given, by the device's own code; only of what was found valid."""
    from pathlib import Path

    from edgeagent.workshop.pipeline.featurising import featurise

    digest = featurise(Path(dataset.path), side_px, Path(features.path))
    features.metadata.update(sha256=digest, side_px=side_px, validation=validation.uri)
    return digest


def train(
    features: Input[Dataset], data_sha256: str, features_sha256: str, epochs: int, width: int,
    rate: float, seed: int, workers: int, accelerators: int, accelerator_type: str,
    trained: Output[Model],
) -> str:  # fmt: skip
    """Train a classifier; ``workers`` processes share each batch.

    What is asked of accelerators is a cluster's business; here it is only noted.
    """
    from pathlib import Path

    from edgeagent.workshop.pipeline import lineage
    from edgeagent.workshop.pipeline.training import Plan, told, train

    plan, into = Plan(epochs, width, rate, seed=seed, workers=workers), Path(trained.path)
    weights = train(Path(features.path), plan, into, print)
    known = lineage.begun(data_sha256, features_sha256)
    asked = {"count": accelerators, "type": accelerator_type}
    lineage.write(into, known, plan=told(plan), weights=weights, accelerators=asked)
    trained.metadata.update(weights_sha256=weights, **told(plan))
    return weights


def shrink(
    trained: Input[Model], features: Input[Dataset], shrunk: Output[Model], metrics: Output[Metrics]
) -> str:
    """Quantise, by the model workshop; gives the digest of the file."""
    from pathlib import Path

    from edgeagent.workshop.pipeline import lineage
    from edgeagent.workshop.pipeline.shrinking import TFLITE, shrink

    source, into = Path(trained.path), Path(shrunk.path)
    digest = shrink(source, Path(features.path), into, print)
    lineage.write(into, lineage.read(source), model=digest)
    shrunk.metadata["sha256"] = digest
    metrics.log_metric("bytes", (into / TFLITE).stat().st_size)
    return digest


def accelerate(shrunk: Input[Model], compiler: str, model: Output[Model]) -> bool:
    """Compile for the Edge TPU where the compiler is; says whether it was."""
    from pathlib import Path

    from edgeagent.workshop.pipeline.accelerating import accelerate

    told = accelerate(Path(shrunk.path), Path(model.path), print, compiler)
    return bool(told["compiled"])


def evaluate(
    model: Input[Model], dataset: Input[Dataset], features: Input[Dataset],
    slices: list[str], report: Output[Artifact], metrics: Output[Metrics],
) -> float:  # fmt: skip
    """Measure it slice by slice on the device's path; gives the share that was right of all."""
    from pathlib import Path

    from edgeagent.workshop.pipeline.judging import evaluate

    folders = Path(model.path), Path(dataset.path), Path(features.path)
    found = evaluate(*folders, slices, Path(report.path), print)
    for one in found.slices:
        metrics.log_metric(one.slice.replace(":", "_"), one.metrics["top1"].value)
    return found.slices[0].metrics["top1"].value


def gate(
    report: Input[Artifact], name: str, registry: str, token_file: str, at_most: float
) -> bool:
    """Stop the run where a slice is worse than the model that went out last."""
    import tempfile
    from pathlib import Path

    from edgeagent.workshop.pipeline.judging import gate
    from edgeagent.workshop.pipeline.publishing import last_evaluation
    from edgeagent.workshop.pipeline.registry import open_registry

    last = last_evaluation(name, open_registry(registry, token_file))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "last-good.json"
        file.write_bytes(last or b"")
        gate(Path(report.path), file if last else None, at_most, print)
    return True


def bundle(
    model: Input[Model], features: Input[Dataset], report: Input[Artifact], passed: bool,
    name: str, version: str, licence: str, data_licence: str, bundle: Output[Model],
) -> None:  # fmt: skip
    """Make the bundle that the agent takes, of what passed the gate."""
    from pathlib import Path

    from edgeagent.errors import UsageError
    from edgeagent.workshop.pipeline.bundling import Title, make_bundle

    if not passed:
        raise UsageError(f"{name}: did not pass the gate")
    folders = Path(model.path), Path(features.path), Path(report.path)
    title = Title(name, version, licence, data_licence)
    made = make_bundle(*folders, title, Path(bundle.path), print)
    bundle.metadata.update(name=name, version=made.version, sha256=made.files["cpu"].sha256)


def publish(bundle: Input[Model], name: str, registry: str, token_file: str) -> str:
    """Put it into the registry: a folder that every step can reach, or an address of HTTPS.

    Gives the sha256 of the pack.
    """
    from pathlib import Path

    from edgeagent.workshop.pipeline.publishing import publish
    from edgeagent.workshop.pipeline.registry import open_registry

    return str(publish(Path(bundle.path) / name, open_registry(registry, token_file))["pack"])


def compare(
    name: str, models: Input[list[Model]], reports: Input[list[Artifact]], page: Output[HTML]
) -> None:
    """Compare the runs of a sweep on one page that needs nothing else."""
    from pathlib import Path

    from edgeagent.workshop.pipeline.comparing import compare

    folders, files = ([Path(one.path) for one in ones] for ones in (models, reports))
    compare(name, folders, files, Path(page.path))


STEPS = SimpleNamespace(
    **{
        step.__name__: dsl.component(step, base_image=IMAGE, install_kfp_package=False)
        for step in (
            ingest, validate, featurise, train, shrink, accelerate, evaluate, gate, bundle,
            publish, compare,
        )
    }
)  # fmt: skip
"""The components; each can be taken into another pipeline."""
