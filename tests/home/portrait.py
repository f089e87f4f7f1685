"""A picture of the device as Home Assistant's own page shows it to its owner."""

import json
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from tests.home.street import Street, is_right, wait_for
from tests.page.browser import Browser

PAGE = "http://127.0.0.1:18123"
DEVICES = "Object.values(document.querySelector('home-assistant').hass.devices)"
CONFIRM = """\
(() => {
  const within = (root) => [...root.querySelectorAll("*")].flatMap(
    (one) => one.shadowRoot ? [one, ...within(one.shadowRoot)] : [one]);
  const found = within(document).find(
    (one) => one.localName === "ha-button" && one.textContent.trim() === "Confirm");
  if (found) found.click();
  return Boolean(found);
})()
"""
"""Keeps the port that Home Assistant was given, which it asks for at its first page."""
OWNER = {"name": "Owner", "username": "owner", "password": "not-a-secret", "language": "en"}


def posted(path: str, body: bytes, kind: str, token: str = "") -> dict[str, Any]:
    """Return what Home Assistant answers to one request."""
    headers = {"Content-Type": kind}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(PAGE + path, body, headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        told: dict[str, Any] = json.load(answer)
    return told


def owner_tokens() -> dict[str, Any]:
    """Make the owner's account, pass over the other questions, and return its tokens."""
    who = {"client_id": f"{PAGE}/"}
    asked = json.dumps(OWNER | who).encode()
    code = posted("/api/onboarding/users", asked, "application/json")["auth_code"]
    form = urllib.parse.urlencode({"grant_type": "authorization_code", "code": code, **who})
    tokens = posted("/auth/token", form.encode(), "application/x-www-form-urlencoded")
    for step in ("core_config", "analytics"):
        posted(f"/api/onboarding/{step}", b"{}", "application/json", tokens["access_token"])
    more = json.dumps({**who, "redirect_uri": f"{PAGE}/"}).encode()
    posted("/api/onboarding/integration", more, "application/json", tokens["access_token"])
    expires_ms = round((time.time() + tokens["expires_in"]) * 1000)
    return {**tokens, "hassUrl": PAGE, "clientId": f"{PAGE}/", "expires": expires_ms}


def take(street: Street, file: Path) -> None:
    """Write the picture."""
    is_right(street)
    browser = Browser(street.agent.folder / "profile")
    try:
        browser.size(1100, 1180)
        browser.open(f"{PAGE}/manifest.json")
        tokens = json.dumps(json.dumps(owner_tokens()))
        browser.ask(f"localStorage.setItem('hassTokens', {tokens})")
        browser.open(f"{PAGE}/config/devices/dashboard")
        found = f"{DEVICES}.find(one => one.name === 'porch').id"
        browser.open(f"{PAGE}/config/devices/device/{browser.until(found)}")
        browser.until(CONFIRM)
        time.sleep(5.0)
        wait_for("a bird in view", lambda: street.states()["clip.bird"] == "on")
        time.sleep(1.0)
        browser.shot(file)
    finally:
        browser.close()
