"""Nothing is skipped in silence: a skip whose reason is not in skips.txt fails the run."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeagent.engines.child import Delegate, Worker
from edgeagent.model import Bundle

from .edgetpu_sim import build
from .edgetpu_sim.simulator import Simulator

ALLOWED = [
    line
    for line in (Path(__file__).parent / "skips.txt").read_text().splitlines()
    if line and not line.startswith("#")
]


def reason_of(report: pytest.TestReport | pytest.CollectReport) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")


def unlisted(reports: list[pytest.TestReport]) -> Iterator[str]:
    for report in reports:
        reason = reason_of(report)
        if not any(reason.startswith(allowed) for allowed in ALLOWED):
            yield f"{report.nodeid}: skipped because {reason!r}, not listed in tests/skips.txt"


class Skips:
    """Remembers every skip of the run."""

    def __init__(self) -> None:
        self.reports: list[pytest.TestReport] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            self.reports.append(report)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        for line in unlisted(self.reports):
            print(f"\n{line}")
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_configure(config: pytest.Config) -> None:
    # A shell that runs this in the background has it ignored, and every child inherits that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.pluginmanager.register(Skips(), "skips")


@pytest.fixture(scope="session")
def edgetpu_libraries(tmp_path_factory: pytest.TempPathFactory) -> build.Libraries:
    """The simulated libedgetpu and its companions, built when their sources have changed."""
    if build.COMPILER is None:
        pytest.skip("needs g++: sudo apt install g++")
    return build.build(tmp_path_factory.getbasetemp().parent)


@pytest.fixture
def edgetpu(tmp_path: Path, edgetpu_libraries: build.Libraries) -> Simulator:
    """A bus with no Edge TPU plugged in yet; see tests/edgetpu_sim/simulator.py."""
    return Simulator(tmp_path / "edgetpu", edgetpu_libraries)


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The extractor that ships, with a compiled file beside its own."""
    # Here, for it needs packages that the virtual camera's Debian root has not.
    from .compiled import compiled

    return compiled(tmp_path_factory.mktemp("compiled"))


@pytest.fixture
def tpu(edgetpu: Simulator) -> Iterator[Worker]:
    """A worker for the one simulated Edge TPU, which is plugged in."""
    edgetpu.plug()
    worker = Worker("tpu usb:0", Delegate(str(edgetpu.library), {"device": "usb:0"}))
    yield worker
    worker.close()
