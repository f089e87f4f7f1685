"""The smaller of the models that ship comes out to its very bytes, here and now."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgeagent.errors import DownloadError

FETCH_S, BUILD_S = 60.0, 600.0


def test_the_smaller_model_that_ships_is_made_anew_to_the_very_bytes() -> None:
    from edgeagent.cli.models_build import cache_folder
    from edgeagent.workshop.recipe import fetch, read_recipe

    recipe = read_recipe("embed88-128")
    if "avx512f" not in Path("/proc/cpuinfo").read_text():
        pytest.skip("needs AVX512: on other processors the same bytes were not seen yet")
    try:
        fetch(recipe, cache_folder(), FETCH_S)
    except DownloadError as error:
        pytest.skip(f"needs the package of a recipe: {error}")
    words = [sys.executable, "-m", "edgeagent", "models", "build", "--recipe", recipe.name]
    # A process of its own: whether oneDNN is used is settled when TensorFlow is first imported.
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=BUILD_S, env=dict(os.environ), check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert recipe.model_sha256
    assert "weights and calculations in 8 bits" in done.stdout
