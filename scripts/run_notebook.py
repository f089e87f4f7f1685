"""Go from pictures to a running agent in a notebook: open it, or run it and write what it shows.

scripts/notebook                   a copy in notebook-work/ is opened in a browser
scripts/notebook FOLDER            with pictures of your own: a folder for each thing
scripts/notebook --run             no browser: notebook-work/from-pictures-to-agent.html
Needs .venv-train (scripts/setup notebook), which scripts/notebook makes.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgeagent import errors
from edgeagent.atomic import write_whole
from edgeagent.cli.log import complain
from edgeagent.errors import EdgeagentError, UsageError

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "docs" / "notebooks" / "from-pictures-to-agent.ipynb"

PATIENCE_S = 900
"""Longest that one cell may take: those that learn from many pictures take minutes."""

Notebook = Any
"""A ``nbformat.NotebookNode``."""


def arguments() -> argparse.ArgumentParser:
    """Return what it takes."""
    parser = argparse.ArgumentParser("scripts/notebook", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "pictures", nargs="?", type=Path, metavar="FOLDER",
        help="pictures of your own, in a folder for each thing; default: some are made",
    )  # fmt: skip
    parser.add_argument("--run", action="store_true", help="run all of it and write it as HTML")
    parser.add_argument("--small", action="store_true", help="learn less: faster, and less right")
    parser.add_argument(
        "--into", type=Path, default=Path("notebook-work"), metavar="FOLDER",
        help="where the copy and all that it makes go; default: notebook-work",
    )  # fmt: skip
    return parser


def main(words: Sequence[str] | None = None) -> int:
    """Do what was asked for; the statuses are the agent's own."""
    options = arguments().parse_args(words)
    try:
        into = _folder(options.into)
        os.environ.update(environment(options, into))
        if options.run:
            run(into / NOTEBOOK.name)
        else:
            show(into / NOTEBOOK.name)
    except EdgeagentError as error:
        complain(error)
        return error.exit_status
    except KeyboardInterrupt:
        return 130
    return 0


def _folder(into: Path) -> Path:
    try:
        into.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--into {into}: {error.strerror}; name another folder") from error
    return into.resolve()


def environment(options: argparse.Namespace, into: Path) -> dict[str, str]:
    """Return what the notebook's first cell asks for.

    Raises:
        UsageError: there is no such folder of pictures.
    """
    told = {"EDGEAGENT_WORK": str(into), "EDGEAGENT_SMALL": "1" if options.small else "0"}
    if options.pictures is not None:
        if not options.pictures.is_dir():
            raise UsageError(f"{options.pictures}: no such folder; give one with a folder a class")
        told["EDGEAGENT_PICTURES"] = str(options.pictures.resolve())
    return told


def copied() -> Notebook:
    """Return the notebook that ships, with links that lead somewhere from beside ``docs/``."""
    import nbformat

    notebook = nbformat.read(NOTEBOOK, nbformat.NO_CONVERT)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = cell.source.replace("](../", "](../docs/")
    return notebook


def show(copy: Path) -> None:
    """Open ``copy`` in a browser, in the place of this process; one that is there is kept."""
    import nbformat

    if copy.exists():
        print(f"{copy} is opened as it was left; remove it to begin anew", file=sys.stderr)
    else:
        write_whole(copy, nbformat.writes(copied()).encode())
    root = copy.parent.parent
    words = [sys.executable, "-m", "notebook", f"--ServerApp.root_dir={root}"]
    # It says no to root otherwise, who may have nobody else on a machine for this.
    words += ["--allow-root"] if os.geteuid() == 0 else []
    os.execv(sys.executable, [*words, str(copy)])  # noqa: S606, RUF100


def run(copy: Path) -> None:
    """Run every cell, and write the notebook with what it showed to ``copy`` and as HTML beside it.

    Raises:
        EdgeagentError: a cell failed, as the tree has it; nothing was written.
    """
    import nbformat

    began_s = time.monotonic()
    notebook = execute(copied(), began_s)
    page = copy.with_suffix(".html")
    write_whole(page, html(notebook).encode())
    write_whole(copy.with_suffix(".run.ipynb"), nbformat.writes(notebook).encode())
    print(f"{page} is what it showed, after {time.monotonic() - began_s:.0f} s")


def execute(notebook: Notebook, began_s: float) -> Notebook:
    """Run every cell of ``notebook`` and return it; each chapter is told when it begins.

    Raises:
        EdgeagentError: a cell failed.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError
    from traitlets.config import Config

    def tell(cell: Notebook, **_: object) -> None:
        head = cell.source.partition("\n")[0]
        if cell.cell_type == "markdown" and head.startswith("## "):
            print(f"{time.monotonic() - began_s:4.0f} s  {head[3:]}", file=sys.stderr, flush=True)

    # No port: what the kernel is told goes through sockets in a folder of its own.
    config = Config({"KernelManager": {"transport": "ipc"}})
    client = NotebookClient(notebook, timeout=PATIENCE_S, config=config, on_cell_start=tell)
    try:
        return client.execute()
    except CellTimeoutError as error:
        raise UsageError(f"a cell took longer than {PATIENCE_S} s; fewer pictures?") from error
    except CellExecutionError as error:
        raise known(error.ename, error.evalue) from error


def known(name: str, words: str) -> EdgeagentError:
    """Return what went wrong in a cell as an error of ours."""
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, EdgeagentError):
        return kind(words)
    return EdgeagentError(f"a cell failed with {name}: {words}")


def html(notebook: Notebook) -> str:
    """Return ``notebook`` as a page that needs nothing else."""
    from nbconvert import HTMLExporter

    page: str = HTMLExporter(embed_images=True).from_notebook_node(notebook)[0]
    return page


if __name__ == "__main__":
    sys.exit(main())
