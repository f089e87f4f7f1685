"""The two pipelines: one model to its registry, and a sweep over plans to one page."""

from typing import Any

from kfp import dsl

from edgeagent.workshop.pipeline.components import STEPS

CANDIDATES = [
    {"epochs": 40, "width": 8, "rate": 0.002},
    {"epochs": 40, "width": 16, "rate": 0.002},
]


def _prepared(source: str, seed: int, least: int, most_ratio: float, side_px: int) -> Any:  # noqa: ANN401
    """Return the tasks that bring pictures to features."""
    # A folder may have changed since; whether it has only its digest tells.
    taken = STEPS.ingest(source=source, seed=seed).set_caching_options(False)
    dataset = taken.outputs["dataset"]
    valid = STEPS.validate(dataset=dataset, least=least, most_ratio=most_ratio)
    ready = STEPS.featurise(
        dataset=dataset, validation=valid.outputs["validation"], side_px=side_px
    )
    return taken, ready


def _trained(  # noqa: PLR0913, RUF100
    taken: Any, ready: Any, workers: int, accelerators: int, kind: str, **plan: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401  # fmt: skip
    """Return the task that trains, with what it asks a cluster for."""
    task = STEPS.train(
        features=ready.outputs["features"], data_sha256=taken.outputs["Output"],
        features_sha256=ready.outputs["Output"], workers=workers,
        # Inputs as well: within a loop kfp 2.17 forgets to pass on what only resources name.
        accelerators=accelerators, accelerator_type=kind, **plan,
    )  # fmt: skip
    task.set_accelerator_type(kind).set_accelerator_limit(accelerators)
    task.set_cpu_request("1").set_memory_request("2G")
    return task


def _road(
    source: str = "example", name: str = "shapes", version: str = "1.0.0",
    licence: str = "not stated", data_licence: str = "not stated",
    registry: str = "registry", token_file: str = "",
    slices: list[str] = ["class", "camera", "light"], at_most_worse: float = 0.02,  # noqa: B006
    side_px: int = 48, epochs: int = 40, width: int = 16, rate: float = 0.002, seed: int = 1,
    workers: int = 1, accelerators: int = 0, accelerator_type: str = "nvidia.com/gpu",
    least: int = 10, most_ratio: float = 10.0, compiler: str = "",
) -> None:  # fmt: skip
    taken, ready = _prepared(source, seed, least, most_ratio, side_px)
    trained = _trained(
        taken, ready, workers, accelerators, accelerator_type,
        epochs=epochs, width=width, rate=rate, seed=seed,
    )  # fmt: skip
    dataset, features = taken.outputs["dataset"], ready.outputs["features"]
    shrunk = STEPS.shrink(trained=trained.outputs["trained"], features=features)
    made = STEPS.accelerate(shrunk=shrunk.outputs["shrunk"], compiler=compiler)
    model = made.outputs["model"]
    judged = STEPS.evaluate(model=model, dataset=dataset, features=features, slices=slices)
    report = judged.outputs["report"]
    where = {"name": name, "registry": registry, "token_file": token_file}
    passed = STEPS.gate(report=report, at_most=at_most_worse, **where).set_caching_options(False)
    bundled = STEPS.bundle(
        model=model, features=features, report=report, passed=passed.output, name=name,
        version=version, licence=licence, data_licence=data_licence,
    )  # fmt: skip
    STEPS.publish(bundle=bundled.outputs["bundle"], **where).set_caching_options(False)


def _sweep(
    source: str = "example", name: str = "shapes",
    candidates: list = CANDIDATES,  # type: ignore[type-arg]
    slices: list[str] = ["class", "camera", "light"],  # noqa: B006
    side_px: int = 48, seed: int = 1, workers: int = 1, accelerators: int = 0,
    accelerator_type: str = "nvidia.com/gpu", least: int = 10, most_ratio: float = 10.0,
) -> None:  # fmt: skip
    taken, ready = _prepared(source, seed, least, most_ratio, side_px)
    dataset, features = taken.outputs["dataset"], ready.outputs["features"]
    with dsl.ParallelFor(candidates, name="candidate") as plan:
        trained = _trained(
            taken, ready, workers, accelerators, accelerator_type, seed=seed,
            epochs=plan.epochs, width=plan.width, rate=plan.rate,
        )  # fmt: skip
        shrunk = STEPS.shrink(trained=trained.outputs["trained"], features=features)
        model = shrunk.outputs["shrunk"]
        judged = STEPS.evaluate(model=model, dataset=dataset, features=features, slices=slices)
    STEPS.compare(
        name=name, models=dsl.Collected(model), reports=dsl.Collected(judged.outputs["report"])
    )


road = dsl.pipeline(
    _road, name="edgeagent-road", description="From pictures to a published bundle."
)
sweep = dsl.pipeline(
    _sweep, name="edgeagent-sweep", description="Several plans, compared on one page."
)

PIPELINES = {"road": road, "sweep": sweep}
