"""The page in a real Chromium: what a person sees, at a desk and on a phone, by day and night."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgeagent.bulletin import State
from edgeagent.event import Event, Source, When

from .browser import PROGRAM, Browser
from .conftest import Served

AXE = Path(__file__).parents[2] / ".venv/axe/axe_playwright_python/axe.min.js"
DESK, PHONE = (1280, 800), (390, 844)
SIZES = pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])

MOVED = "[...document.querySelectorAll('.cells i')].map(c => c.style.getPropertyValue('--moved'))"
LIVE = "document.body.dataset.link === 'live'"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if PROGRAM is None:
        pytest.skip("needs chromium: sudo apt install chromium")
    one = Browser(tmp_path_factory.mktemp("chromium"))
    yield one
    one.close()


@pytest.fixture
def browser(chromium: Browser) -> Browser:
    chromium.open("about:blank#fresh")
    chromium.complaints.clear()
    return chromium


def come_in(browser: Browser, served: Served) -> None:
    browser.open(served.address)
    browser.until("location.pathname === '/login' && document.activeElement.id === 'token'")
    browser.type(served.token)
    browser.press("Enter")
    browser.until(f"location.pathname === '/' && {LIVE}")


def text(browser: Browser, selector: str) -> str:
    said = browser.ask(f"document.querySelector({selector!r}).innerText")
    assert isinstance(said, str)
    return said


def contains(browser: Browser, selector: str, what: str) -> None:
    browser.until(f"document.querySelector({selector!r}).innerText", lambda said: what in said)


@SIZES
def test_what_moves_is_seen_moving_and_what_happens_is_said(
    size: tuple[int, int], browser: Browser, playing: Served
) -> None:
    browser.size(*size)
    come_in(browser, playing)
    before = browser.until(MOVED, lambda cells: any(float(cell or 0) > 0 for cell in cells))
    browser.until(MOVED, lambda cells: cells != before and any(float(cell or 0) for cell in cells))
    contains(browser, ".things", "person 87 %")
    contains(browser, ".names", "porch")
    now = When(1, 1_700_000_000_000, True, "k")
    playing.play.say(Event("gate_opened", now, Source("drive"), why="<b>by hand</b>"))
    contains(browser, "#events li", "gate opened: <b>by hand</b>")
    assert browser.ask("document.documentElement.scrollWidth <= innerWidth")
    foreign = "performance.getEntriesByType('resource').filter(r => !r.name.startsWith(origin))"
    assert browser.ask(foreign) == []
    assert browser.complaints == []


@SIZES
def test_what_is_wrong_is_said_with_the_cure_and_goes_when_it_is_mended(
    size: tuple[int, int], browser: Browser, served: Served
) -> None:
    browser.size(*size)
    come_in(browser, served)
    contains(browser, "#verdict", "All is well")
    states = served.play.states
    states["camera.hall"] = State("fault", "lost", "no frame for 3 min", "see its cable", 190.0)
    contains(browser, "#verdict", "Something is wrong")
    said = text(browser, "#unwell")
    for words in ("Camera hall", "for 3 min", "no frame for 3 min", "What to do: see its cable"):
        assert words in said
    assert browser.ask("document.querySelector('[data-level=fault] .why').innerText")
    states.clear()
    contains(browser, "#verdict", "All is well")
    assert text(browser, "#unwell") == ""
    assert browser.complaints == []


def test_a_wrong_token_is_said_to_be_wrong_and_the_right_one_opens(
    browser: Browser, served: Served
) -> None:
    browser.size(*PHONE)
    browser.open(f"{served.address}login")
    browser.until("document.activeElement.id === 'token'")
    browser.type("wrong")
    browser.press("Enter")
    contains(browser, "#said", "That is not the token.")
    browser.until("document.activeElement.id === 'token'")
    browser.type(served.token.upper().replace("-", " "))
    browser.press("Enter")
    browser.until(LIVE)
    assert browser.ask("document.cookie") == ""
    browser.ask("document.querySelector('header button').click()")
    browser.until("location.pathname === '/login'")


def test_a_lost_agent_is_said_calmly_and_found_again(browser: Browser, served: Served) -> None:
    browser.size(*DESK)
    come_in(browser, served)
    served.page.close()
    contains(browser, "#verdict", "No connection to the agent")
    assert text(browser, "#link") == "no connection"
    served.start()
    # It knows nobody any more after a start.
    browser.until("location.pathname === '/login'")
    come_in(browser, served)


def test_the_page_is_walked_through_with_the_keyboard_alone(
    browser: Browser, served: Served
) -> None:
    browser.size(*DESK)
    come_in(browser, served)
    browser.ask("document.activeElement.blur()")
    reached = []
    for _ in range(3):
        browser.press("Tab")
        reached.append(browser.ask("document.activeElement.textContent.trim().slice(0, 20)"))
        ring = "getComputedStyle(document.activeElement).outlineStyle"
        assert browser.ask(ring) == "solid"
    assert reached[:2] == ["Skip to the cameras", "Sign out"]
    assert browser.ask("document.activeElement.id") == "events"


def faults(browser: Browser) -> list[dict[str, Any]]:
    browser.ask(AXE.read_text() + "; true")
    # Colours are judged at rest: what fades in is lighter for a moment.
    browser.ask("document.getAnimations().forEach(a => a.cancel())")
    found = browser.ask("axe.run(document, {resultTypes: ['violations']}).then(r => r.violations)")
    return [
        {"rule": one["id"], "impact": one["impact"], "where": [n["html"] for n in one["nodes"]]}
        for one in found
    ]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@SIZES
def test_axe_finds_nothing_wrong(
    size: tuple[int, int], dark: bool, browser: Browser, playing: Served
) -> None:
    if not AXE.exists():
        pytest.skip("needs axe-core: scripts/test installs it")
    browser.size(*size, dark=dark)
    browser.open(f"{playing.address}login")
    assert faults(browser) == []
    playing.play.states["camera.hall"] = State("fault", "lost", "no frame", "see its cable", 9.0)
    playing.play.states["link"] = State("warning", "away", "no answer", "see mqtt.host", 9.0)
    come_in(browser, playing)
    contains(browser, "#unwell", "see mqtt.host")
    contains(browser, ".things", "person 87 %")
    assert faults(browser) == []


def test_who_wants_no_motion_gets_none(browser: Browser, playing: Served) -> None:
    browser.size(*PHONE)
    taste = [{"name": "prefers-reduced-motion", "value": "reduce"}]
    browser.call("Emulation.setEmulatedMedia", features=taste)
    come_in(browser, playing)
    contains(browser, ".things", "person")
    assert browser.ask("document.getAnimations().length") == 0
