import importlib.util

import pytest

from .colours import Made


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A model of two colours."""
    return Made(tmp_path_factory.mktemp("made"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if importlib.util.find_spec("tensorflow") is None:
        for item in items:
            if "tests/workshop/" in str(item.path):
                item.add_marker(pytest.mark.skip(reason="needs TensorFlow: scripts/test workshop"))
    if importlib.util.find_spec("kfp") is None:
        for item in items:
            if item.path.name == "test_pipeline_runs.py":
                item.add_marker(pytest.mark.skip(reason="needs kfp: scripts/test workshop"))


def pytest_configure(config: pytest.Config) -> None:
    # Keras 3 turns its variables into arrays in a way that numpy 2 has given up.
    config.addinivalue_line("filterwarnings", "ignore:__array__ implementation:DeprecationWarning")
