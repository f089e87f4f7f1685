"""Print what was tried as a table, one sentence a row."""

from importlib.metadata import version

import libcamera
import pytest


class Table:
    """Gathers the outcome of every test, and prints it at the end."""

    def __init__(self) -> None:
        self.rows: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and report.passed:
            return
        outcome = "ok" if report.passed else "FAIL"
        sentence = report.nodeid.partition("::test_")[2].replace("_", " ")
        figures = "".join(f"; {name} {value}" for name, value in report.user_properties)
        self.rows.append(f"{outcome:4} {report.duration:5.1f} s  {sentence}{figures}")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        seen = libcamera.CameraManager.singleton().version
        line = terminalreporter.write_line
        line(f"picamera2 {version('picamera2')} on libcamera {seen}, numpy {version('numpy')}")
        for row in self.rows:
            line(row)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Table(), "table")
