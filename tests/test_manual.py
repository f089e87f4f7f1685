"""What is generated from the command line is what the command line says now."""

from pathlib import Path

import pytest

from scripts.manual import files

PACKAGING = Path(__file__).parent.parent / "packaging"


@pytest.mark.parametrize("name", ["edgeagent.1", "edgeagent.bash", "edgeagent.zsh"])
def test_the_manual_and_the_completions_are_those_of_the_command_line(name: str) -> None:
    assert (PACKAGING / name).read_text() == files()[name], "run scripts/manual"
