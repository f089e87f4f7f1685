"""Pictures of the page that a running agent serves, by a headless Chromium: a desk, and a phone."""

import importlib
import time
from pathlib import Path
from typing import Any, Final

from scripts.pictures.scene import Scene

PORT: Final = 18480
SETTINGS: Final = f"[page]\nenabled = true\nport = {PORT}"
"""What the agent's settings need besides."""
SIZES: Final = {"page": (1000, 760, False), "page-phone": (390, 844, True)}
"""Name to width, height, and whether by night."""
SEEN_S = 12.0
"""It is watched for so long first: its lines grow while somebody looks,"""
LONGEST_S = 40.0
"""and then until something is in view, but no longer than that."""
_IN_VIEW = "[...document.querySelectorAll('.things')].some(one => one.innerText.includes('%'))"


def shoot_page(at: Scene, device: str, into: Path) -> None:
    """Write a picture of each size into the folder ``into``."""
    # The tests' own, which a release without a page does not have.
    browser = importlib.import_module("tests.page.browser").Browser(at.folder / "chromium")
    token = (Path(at.state(device)) / "page-token").read_text().strip()
    try:
        for name, (width, height, is_night) in SIZES.items():
            browser.size(width, height, is_night)
            _come_in(browser, token)
            _watch(browser)
            browser.shot(into / f"{name}.png")
    finally:
        browser.close()


def _watch(browser: Any) -> None:  # noqa: ANN401
    began_s = time.monotonic()
    time.sleep(SEEN_S)
    while not browser.ask(_IN_VIEW) and time.monotonic() - began_s < LONGEST_S:
        time.sleep(0.1)


def _come_in(browser: Any, token: str) -> None:  # noqa: ANN401
    browser.open(f"http://127.0.0.1:{PORT}/")
    if browser.ask("location.pathname") == "/login":
        browser.until("document.activeElement.id === 'token'")
        browser.type(token)
        browser.press("Enter")
    browser.until("location.pathname === '/' && document.body.dataset.link === 'live'")
