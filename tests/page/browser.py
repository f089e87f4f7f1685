"""A real headless Chromium, spoken to over a pipe: no driver, no library, no port."""

import base64
import fcntl
import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")

FLAGS = [
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--no-first-run",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--mute-audio",
    "--ignore-certificate-errors",
]
PATIENCE_S = 60.0


class Browser:
    """One browser with one tab. Its console and what its policy refused are kept."""

    def __init__(self, profile: Path) -> None:
        self._in, theirs_out = os.pipe()
        theirs_in, self._out = os.pipe()
        self._pid = _spawned(profile, theirs_in, theirs_out)
        os.close(theirs_in)
        os.close(theirs_out)
        self._buffer, self._number, self._session = b"", 0, ""
        self.complaints: list[str] = []
        """What its console said at the levels error and warning."""
        self._attach()

    def _attach(self) -> None:
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        told = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = told["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:  # noqa: ANN401
        """Ask the browser for something, and return its answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result
            self._note(answer)

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            part = os.read(self._in, 1 << 16)
            assert part, "the browser has gone"
            self._buffer += part
        data, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(data)
        return message

    def _note(self, event: dict[str, Any]) -> None:
        told = event.get("params", {})
        match event.get("method"):
            case "Runtime.consoleAPICalled" if told["type"] in ("error", "warning", "assert"):
                self.complaints.append(str(told["args"]))
            case "Runtime.exceptionThrown":
                self.complaints.append(str(told["exceptionDetails"]))
            case "Log.entryAdded" if told["entry"]["level"] in ("error", "warning"):
                self.complaints.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")

    def size(self, width_px: int, height_px: int, dark: bool = False, scale: float = 1.0) -> None:
        """Be a screen of that size, with that taste."""
        metrics = {"width": width_px, "height": height_px, "deviceScaleFactor": scale}
        self.call("Emulation.setDeviceMetricsOverride", **metrics, mobile=width_px < 600)
        taste = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", features=taste)

    def open(self, address: str) -> None:
        """Go there, and return when it is loaded."""
        self.call("Page.navigate", url=address)
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def ask(self, expression: str) -> Any:  # noqa: ANN401
        """Return what a JavaScript expression comes to; a promise is awaited."""
        parameters = {"returnByValue": True, "awaitPromise": True}
        told = self.call("Runtime.evaluate", expression=expression, **parameters)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def until(self, expression: str, holds: Callable[[Any], bool] = bool) -> Any:  # noqa: ANN401
        """Wait until what ``expression`` comes to ``holds``, and return it."""
        deadline_s = time.monotonic() + PATIENCE_S
        # A page that is only half there yet is no fault.
        patient = f"(() => {{ try {{ return {expression} }} catch {{ return null }} }})()"
        while (value := self.ask(patient)) is None or not holds(value):
            assert time.monotonic() < deadline_s, f"{expression}: still {value!r}"
            time.sleep(0.05)
        return value

    def type(self, text: str) -> None:
        """Type into what has the focus."""
        self.call("Input.insertText", text=text)

    def press(self, key: str) -> None:
        """Press one key, as ``Tab`` or ``Enter``."""
        code = {"Tab": 9, "Enter": 13}[key]
        same = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        text = {"text": "\r"} if key == "Enter" else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", **same, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **same)

    def shot(self, file: Path, whole: bool = False) -> None:
        """Write a picture of the page, all of it if ``whole``."""
        told = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(told["data"]))

    def close(self) -> None:
        """End it."""
        self._session = ""
        try:
            self.call("Browser.close")
        except (AssertionError, OSError):
            os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._in)
        os.close(self._out)


def _spawned(profile: Path, theirs_in: int, theirs_out: int) -> int:
    """Begin a browser whose 3 and 4 are these pipes, and return its process id."""
    assert PROGRAM is not None
    # Out of the way first: one of them may be 3 or 4 itself.
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 100) for end in (theirs_in, theirs_out)]
    actions: list[tuple[int, int, int]] = [
        (os.POSIX_SPAWN_DUP2, end, number) for number, end in enumerate(high, 3)
    ]
    quiet = os.open(os.devnull, os.O_RDWR)
    actions += [(os.POSIX_SPAWN_DUP2, quiet, number) for number in (1, 2)]
    arguments = [PROGRAM, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
    try:
        return os.posix_spawn(PROGRAM, arguments, os.environ, file_actions=actions)
    finally:
        for end in (*high, quiet):
            os.close(end)
