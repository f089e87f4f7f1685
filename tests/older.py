"""Bundles as they were before their manifests said a version in order, an agent, data, contents."""

import re
from pathlib import Path

_BLOCK = re.compile(r"\[\[(?:data|contents)\]\]\n(?:.+\n)+\n")


def older(folder: Path) -> Path:
    """Take all that is new out of the manifest in ``folder``."""
    manifest = folder / "manifest.toml"
    text = _BLOCK.sub("", manifest.read_text())
    text = re.sub(r'least_agent = ".*"\n', "", text)
    manifest.write_text(re.sub(r'version = ".*"', 'version = "1"', text, count=1))
    return folder
