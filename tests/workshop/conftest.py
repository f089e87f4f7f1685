import importlib.util

import pytest

from .colours import Made


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A model of two colours."""
    return Made(tmp_path_factory.mktemp("made"))


NEEDS = {
    "": ("tensorflow", "TensorFlow"),
    "test_pipeline_runs.py": ("kfp", "kfp"),
    "test_notebook.py": ("nbclient", "Jupyter"),
}
"""By a file's name ("": each) what it wants, and what that is called."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for name, (package, called) in NEEDS.items():
        if importlib.util.find_spec(package) is None:
            mark = pytest.mark.skip(reason=f"needs {called}: scripts/test workshop")
            for item in items:
                if "tests/workshop/" in str(item.path) and name in ("", item.path.name):
                    item.add_marker(mark)


def pytest_configure(config: pytest.Config) -> None:
    # Keras 3 turns its variables into arrays in a way that numpy 2 has given up.
    config.addinivalue_line("filterwarnings", "ignore:__array__ implementation:DeprecationWarning")
