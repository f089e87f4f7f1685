"""``edgeagent page``: where the agent's page is, and the token that opens it."""

import argparse
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from edgeagent import settings
from edgeagent.cli.check import DEFAULT_FILE
from edgeagent.cli.run import state_folder
from edgeagent.clock import SystemClock
from edgeagent.config import Config, PageConfig
from edgeagent.errors import RetryError
from edgeagent.health import Health
from edgeagent.page import Page, rehearsal
from edgeagent.page.token_file import path_of, read_token_text

OFF = 'The page is off. In {file}: "[page]", "enabled = true"; then: systemctl reload edgeagent'
SERVICE_STATE = Path("/var/lib/edgeagent")
"""What systemd makes of the unit's StateDirectory."""
TUNNEL = "ssh -L {port}:{host}:{port} THIS-DEVICE"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("--config", type=Path, default=DEFAULT_FILE, help="settings file")
    parser.add_argument("--state", type=Path, help="state folder of the agent")
    parser.add_argument(
        "--rehearse", action="store_true", help="serve a page here, of cameras that are only played"
    )
    parser.add_argument(
        "--unwell", action="store_true", help="of which one is lost, as is the broker"
    )
    parser.add_argument("--port", type=int, default=8480, help="port of a rehearsal")


def run(options: argparse.Namespace) -> int:
    """Print how to get in; with ``--rehearse`` serve a page until interrupted."""
    if options.rehearse:
        return _rehearse(options.port, options.unwell)
    config = settings.load(options.config)
    state = options.state or state_of(options.config)
    print("\n".join(_lines(config.page, state, options.config)))
    return 0


def state_of(file: Path) -> Path:
    """Return the state folder of the agent whose settings are in ``file``."""
    if file == DEFAULT_FILE and "STATE_DIRECTORY" not in os.environ and SERVICE_STATE.exists():
        return SERVICE_STATE
    return state_folder()


def _lines(page: PageConfig, state: Path, file: Path) -> Iterator[str]:
    if not page.enabled:
        yield OFF.format(file=file)
        return
    yield f"page   {address_of(page)}"
    yield f"token  {_token(page, state)}"
    if page.address in ("127.0.0.1", "::1"):
        tunnel = TUNNEL.format(port=page.port, host=_host(page))
        yield f"From another device: {tunnel}, and then the page's address there."


def address_of(page: PageConfig) -> str:
    """Return what is typed into a browser on this device."""
    return f"{'https' if page.cert_file else 'http'}://{_host(page)}:{page.port}/"


def _host(page: PageConfig) -> str:
    if page.address in ("0.0.0.0", "::"):  # noqa: S104  compared, not bound
        return "localhost"
    return f"[{page.address}]" if ":" in page.address else page.address


def _token(page: PageConfig, state: Path) -> str:
    path = path_of(page.token_file, state)
    try:
        path.stat()
    except PermissionError:
        raise RetryError(f"{path}: only root and the agent may read the token; sudo") from None
    except FileNotFoundError:
        if not page.token_file:
            raise RetryError(
                f"{path}: no token yet; the agent makes it when it serves the page for the first "
                "time. Start it, or name its --state"
            ) from None
    return read_token_text(path)


def _rehearse(port: int, unwell: bool) -> int:
    clock, over = SystemClock(), threading.Event()
    play = rehearsal.Rehearsal(clock, dict(rehearsal.TROUBLE) if unwell else {})
    config = rehearsal.config(port)
    with tempfile.TemporaryDirectory(prefix="edgeagent-page-") as folder:
        page = Page(Path(folder), Health(), play.feed)
        page.open(config)
        try:
            print("\n".join(_rehearsal_lines(page, config, Path(folder))), flush=True)
            play.play(over)
        finally:
            over.set()
            page.close()
    return 0


def _rehearsal_lines(page: Page, config: Config, state: Path) -> Iterator[str]:
    if not page.wait_s(10.0):
        raise RetryError(page.why)
    yield from _lines(config.page, state, DEFAULT_FILE)
    yield "Nothing on it is real. Ctrl-C ends it."
