"""The model bundles that the settings name: their files by digest, then run once in a child."""

from collections.abc import Iterator

from edgeagent.config import Config
from edgeagent.doctor import Check, Line, well
from edgeagent.doctor.case import Case
from edgeagent.doctor.configuration import unlooked

LIMIT_S = 60.0


def checks(case: Case) -> Iterator[Check]:
    """See the family's contract."""
    if case.config is None:
        yield Check("models", lambda: [unlooked("models")])
        return
    config = case.config
    names = [name for name in (config.model.name, config.model.vector) if name]
    for name in names:
        yield Check(name, lambda name=name: _look(config, name), LIMIT_S + 5)  # type: ignore[misc]
    if not names:
        yield Check("models", lambda: [well("models", "none: motion alone is reported")])


def _look(config: Config, name: str) -> Iterator[Line]:
    """Check one bundle and run it; what it raises is told by its own words and status."""
    # Here, for it needs numpy, which may be what is broken.
    from edgeagent.assembly import find
    from edgeagent.engines.tflite import find_runtime
    from edgeagent.engines.trial import ensure_tried

    bundle = find(config.model, name)
    file = bundle.files.get("cpu")
    runs = "compiled for the Edge TPU alone"
    if file is not None:
        ensure_tried(file, None, config.model.runtime, LIMIT_S)
        runs = f"{file.digest8}, runs on {find_runtime(config.model.runtime)}"
    yield well(name, f"{bundle.version}, {bundle.task}, {runs}, from {bundle.folder}")
