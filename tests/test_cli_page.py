"""``edgeagent page``: how one gets in, and the rehearsal."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from edgeagent.cli import main
from edgeagent.page.token_file import ensure_token, read_token_text

CAMERA = '[[camera]]\nname = "a"\nsource = "synthetic"\n'


def said(capsys: pytest.CaptureFixture[str], folder: Path, page: str) -> tuple[int, str]:
    file = folder / "edgeagent.toml"
    file.write_text(f"{CAMERA}[page]\n{page}\n")
    status = main(["page", "--config", str(file), "--state", str(folder)])
    out, err = capsys.readouterr()
    return status, out + err


def test_a_page_that_is_off_says_how_it_is_put_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, told = said(capsys, tmp_path, "")
    assert status == 0
    assert told.startswith("The page is off. In ")
    assert "enabled = true" in told


def test_address_and_token_are_printed_and_the_way_from_elsewhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ensure_token("", tmp_path)
    status, told = said(capsys, tmp_path, "enabled = true\nport = 8500")
    assert status == 0
    assert told.splitlines() == [
        "page   http://127.0.0.1:8500/",
        f"token  {read_token_text(tmp_path / 'page-token')}",
        "From another device: ssh -L 8500:127.0.0.1:8500 THIS-DEVICE, and then the page's address "
        "there.",
    ]


@pytest.mark.parametrize(
    ("page", "address"),
    [
        ("address = '::1'", "http://[::1]:8480/"),
        ("address = '0.0.0.0'\ninsecure = true", "http://localhost:8480/"),
        ("address = '192.0.2.4'\ncert_file = 'a'\nkey_file = 'b'", "https://192.0.2.4:8480/"),
    ],
)
def test_the_address_is_what_a_browser_takes(
    page: str, address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ensure_token("", tmp_path)
    assert f"page   {address}\n" in said(capsys, tmp_path, f"enabled = true\n{page}")[1]


def test_without_a_token_it_says_who_makes_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, told = said(capsys, tmp_path, "enabled = true")
    assert status == 69
    assert "no token yet; the agent makes it" in told
    assert not (tmp_path / "page-token").exists()


def test_a_rehearsal_is_served_until_it_is_interrupted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "edgeagent", "page", "--rehearse", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == f"page   http://127.0.0.1:{port}/\n"
        token = re.fullmatch(r"token  ([a-z0-9-]{24})\n", running.stdout.readline())
        assert token
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/session", headers={"Authorization": f"Bearer {token[1]}"})
        assert connection.getresponse().status == 204
        connection.close()
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 130
