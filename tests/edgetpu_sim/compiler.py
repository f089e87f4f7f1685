"""Stands for edgetpu_compiler 16: takes its options, prints its texts, compiles for the simulator.

As a command: ``python -m tests.edgetpu_sim.compiler [--fault KIND] [--tail N] OPTIONS MODEL``.
``--fault``: ``activations`` and ``internal`` as it fails, ``nothing`` (it maps nothing and
succeeds, as it does), ``silent`` (status 0 and no file). ``--tail``: so many operators at the end
stay on the CPU.
"""

import argparse
import shutil
from collections import Counter
from pathlib import Path

from edgeagent.adding.anatomy import examine

from .wrap import wrap_file

VERSION = "16.0.384591198"
FAILURES = {
    "activations": (
        "ERROR: Restored original execution plan after delegate application failure.\n"
        "Compilation failed: Compilation failed due to large activation tensors in model.\n"
        "Compilation child process completed within timeout period.\n"
        "Compilation failed! "
    ),
    "internal": "Internal compiler error. Aborting! ",
}
MAPPED, LEFT = "Mapped to Edge TPU", "More than one subgraph is not supported"
PARTLY = """
Model successfully compiled but not all operations are supported by the Edge TPU.
Number of operations that will run on Edge TPU: {mapped}
Number of operations that will run on CPU: {left}
"""
TOLD = """
Model compiled successfully in 542 ms.

Input model: {source}
Input size: {size:.2f}MiB
Output model: {target}
Output size: {size:.2f}MiB
On-chip memory used for caching model parameters: {used:.2f}MiB
On-chip memory remaining for caching model parameters: 511.50KiB
Off-chip memory used for streaming uncached model parameters: 0.00B
Number of Edge TPU subgraphs: {subgraphs}
Total number of operations: {total}
Operation log: {log}
{partly}
Operator                       Count      Status

{rows}
Compilation child process completed within timeout period.
Compilation succeeded! """


def main() -> int:
    """Be the command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--fault", default="")
    parser.add_argument("--tail", type=int, default=0)
    parser.add_argument("-s", action="store_true")
    parser.add_argument("-o", type=Path, default=Path())
    parser.add_argument("-t", type=int, default=180)
    parser.add_argument("model", type=Path)
    options = parser.parse_args()
    print(f"Edge TPU Compiler version {VERSION}\nStarted a compilation timeout timer of "
          f"{options.t} seconds.", flush=True)  # fmt: skip
    if options.fault in FAILURES:
        print(FAILURES[options.fault])
        return 1
    if options.fault != "silent":
        compiled(options)
    return 0


def compiled(options: argparse.Namespace) -> None:
    """Write what the compiler leaves behind, and say what it says."""
    target = options.o / f"{options.model.stem}_edgetpu.tflite"
    names = [operator.name for operator in examine(options.model).operators]
    if options.fault == "nothing":
        shutil.copyfile(options.model, target)
        split = 0
    else:
        wrap_file(options.model, target, options.tail)
        split = len(names) - options.tail
    rows = [*table(names[:split], MAPPED), *table(names[split:], LEFT)]
    size = options.model.stat().st_size / (1 << 20)
    partly = PARTLY.format(mapped=split, left=len(names) - split) if split < len(names) else ""
    text = TOLD.format(
        source=options.model, target=target, log=target.with_suffix(".log"), size=size, used=size,
        subgraphs=int(split > 0), total=len(names), partly=partly, rows="\n".join(rows),
    )  # fmt: skip
    target.with_suffix(".log").write_text(f"Edge TPU Compiler version {VERSION}\n{text}\n")
    print(text)


def table(names: list[str], status: str) -> list[str]:
    """Return the rows of the operators of ``names``."""
    return [f"{name:<30} {count:<10} {status}" for name, count in Counter(names).items()]


if __name__ == "__main__":
    raise SystemExit(main())
