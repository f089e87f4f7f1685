"""Runs a pipeline on this machine, without a cluster, or compiles it for one."""

import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgeagent.errors import UsageError

Pipeline = Any

FOLDER = Path(__file__).parent / "compiled"
"""What was compiled, as it ships."""


def run_here(
    name: str, arguments: Mapping[str, Any], root: Path, pipeline: Pipeline = None
) -> Path:
    """Run a pipeline step by step, each in a process of its own.

    Args:
        name: ``road`` or ``sweep``, or what another one is to be called.
        arguments: of the pipeline; what is left out has its default.
        root: everything that steps make stays there, a folder for each run.
        pipeline: another one, as ``kfp.dsl.pipeline`` makes it; None: ours of this name.

    Returns:
        The folder of this run.

    Raises:
        UsageError: a step failed; it has said why.
    """
    from kfp import local

    from edgeagent.workshop.pipeline.roads import PIPELINES

    before = set(root.glob("*")) if root.is_dir() else set()
    local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(root))
    with warnings.catch_warnings():
        # What a step asks a cluster for, this machine does not heed; kfp says so of each.
        warnings.simplefilter("ignore")
        try:
            (pipeline or PIPELINES[name])(**arguments)
        except RuntimeError as error:
            raise UsageError(f"{name}: {error}; what the step said is above") from error
    [made] = set(root.glob("*")) - before
    return made


def compile_to(name: str, path: Path) -> None:
    """Write the pipeline ``name`` as Kubeflow's intermediate representation (YAML)."""
    from kfp import compiler

    from edgeagent.workshop.pipeline.roads import PIPELINES

    path.parent.mkdir(parents=True, exist_ok=True)
    compiler.Compiler().compile(PIPELINES[name], str(path))


def say(text: str) -> None:
    """Tell a person, at once: steps print in between."""
    print(text, file=sys.stderr, flush=True)
