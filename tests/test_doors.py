"""The notebook as it is committed: nothing of anybody's run, and no dead link."""

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "docs" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def cells(notebook: Path) -> list[dict[str, Any]]:
    return list(json.loads(notebook.read_text())["cells"])


def test_there_is_a_notebook() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["from-pictures-to-agent"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_committed_without_outputs(notebook: Path) -> None:
    code = [cell for cell in cells(notebook) if cell["cell_type"] == "code"]
    assert len(code) > 10
    for cell in code:
        cleared = (cell["outputs"], cell["execution_count"], cell["metadata"]) == ([], None, {})
        assert cleared, f"{cell['id']}: clear all outputs before you save it"


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_its_links_lead_somewhere(notebook: Path) -> None:
    text = "".join("".join(one["source"]) for one in cells(notebook) if one["cell_type"] != "code")
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    assert len(links) > 3
    assert [link for link in links if not (FOLDER / link).exists()] == []
    # How a copy beside docs/ is made to keep them.
    assert all(link.startswith("../") for link in links)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_code_cell_comes_after_words_and_none_is_long(notebook: Path) -> None:
    each = cells(notebook)
    for before, cell in pairwise(each):
        if cell["cell_type"] == "code":
            assert before["cell_type"] == "markdown", cell["id"]
            assert len(cell["source"]) <= 80, cell["id"]
