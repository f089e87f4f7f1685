"""Write the man page and the completions that the command line itself gives: scripts/manual."""

import argparse
import sys
from pathlib import Path

import shtab
from argparse_manpage.manpage import Manpage

from edgeagent import __version__
from edgeagent.cli import parser

SEE = [
    {
        "heading": "FILES",
        "content": ".I /etc/edgeagent/edgeagent.toml\nthe settings: edgeagent check --sample\n.br\n"
        ".I /etc/edgeagent/credentials\npasswords and keys, as credential:NAME\n.br\n"
        ".I /var/lib/edgeagent\nwhat is not yet at the broker\n",
    },
    {
        "heading": "EXIT STATUS",
        "content": "0 well; 64 typed wrongly; 65 a model will not do; 69 try again later; "
        "70 a fault of its own; 78 the settings are wrong.",
    },
]


def page(commands: argparse.ArgumentParser) -> str:
    """Return the man page, roff."""
    data = {
        "project_name": "edgeagent",
        "version": __version__,
        "description": "watch a camera, publish what was seen, never the picture",
        "manual_title": "edgeagent",
        "manual_section": 1,
        "date": "",
        "extra_sections": SEE,
    }
    return str(Manpage(commands, _data=data)).rstrip("\n") + "\n"


def files() -> dict[str, str]:
    """Return name to text of all that is made."""
    commands = parser()
    return {
        "edgeagent.1": page(commands),
        "edgeagent.bash": shtab.complete(commands, "bash").rstrip("\n") + "\n",
        "edgeagent.zsh": shtab.complete(commands, "zsh").rstrip("\n") + "\n",
    }


if __name__ == "__main__":
    for name, text in files().items():
        (Path(sys.argv[1]) / name).write_text(text)
