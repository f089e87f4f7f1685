"""The page's server, asked by those who may, and by those who may not."""

import http.client
import json
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from edgeagent.bulletin import State
from edgeagent.page import rehearsal
from edgeagent.page.door import BODY_BYTES, GUESTS, HEADER_BYTES
from edgeagent.page.readers import MOST
from edgeagent.page.tries import FREE

from .conftest import PATIENCE_S, Served, free_port, with_page

PATHS = ["/", "/login", "/session", "/events", "/healthz", "/metrics", "/page.js", "/nothing"]


def until(holds: Callable[[], object]) -> bool:
    deadline_s = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize("path", ["/events", "/metrics", "/session"])
def test_strangers_are_told_nothing(path: str, served: Served) -> None:
    status, _, body = served.ask(path)
    assert status == 401
    assert body == "401 say the token first: edgeagent page\n"
    assert served.ask(path, Cookie="edgeagent-rehearsal=guessed")[0] == 401


def test_the_token_said_once_gives_a_session_that_a_script_cannot_read(served: Served) -> None:
    assert served.ask("/")[1]["Location"] == "/login"
    status, headers, _ = served.say(served.token)
    assert (status, headers["Location"]) == (303, "/")
    cookie, *flags = headers["Set-Cookie"].split("; ")
    assert {flag.lower() for flag in flags} == {
        "httponly",
        "samesite=strict",
        "path=/",
        "max-age=604800",
    }
    assert served.token not in cookie
    assert served.ask("/", Cookie=cookie)[0] == 200
    assert served.ask("/login", Cookie=cookie)[0] == 303
    assert served.ask("/session", Cookie=cookie)[0] == 204
    assert served.ask("/logout", Cookie=cookie)[0] == 405
    assert served.ask("/logout", "POST", Cookie=cookie)[0] == 303
    assert served.ask("/session", Cookie=cookie)[0] == 401


def test_every_answer_says_what_a_browser_may_do_with_it(served: Served) -> None:
    for path in [*PATHS, "/?x"]:
        _, headers, _ = served.ask(path)
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; ")
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cache-Control"] in ("no-store", "no-cache")
        assert headers["Server"] == "edgeagent"


@pytest.mark.parametrize("path", PATHS)
def test_a_name_that_is_not_ours_gets_nothing(path: str, served: Served) -> None:
    cookie = served.cookie()
    status, _, body = served.ask(path, Host="rebound.example", Cookie=cookie)
    assert status == 403
    assert body == "403 'rebound.example' is no name of this device; see page.hosts\n"


@pytest.mark.parametrize("path", ["/", "/login", "/events", "/metrics", "/healthz"])
def test_a_token_after_a_question_mark_is_refused_even_if_it_is_right(
    path: str, served: Served
) -> None:
    status, headers, body = served.ask(f"{path}?token={served.token}")
    assert status == 400
    assert "Set-Cookie" not in headers
    assert served.token not in body


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"},
        {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "navigate"},
    ],
)
def test_other_pages_may_not_ask_on_the_owners_behalf(
    headers: dict[str, str], served: Served
) -> None:
    assert served.say(served.token, **headers)[0] == 403
    assert served.say(served.token, Origin=served.address[:-1])[0] == 303


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_only_get_and_post_are_answered(method: str, served: Served) -> None:
    assert served.ask("/login", method)[0] == 405


def test_wrong_tokens_are_tried_a_few_times_and_then_not_looked_at(served: Served) -> None:
    for _ in range(FREE):
        status, _, body = served.say("wrong")
        assert status == 401
        assert "That is not the token." in body
    status, headers, body = served.say(served.token)
    assert status == 429
    assert int(headers["Retry-After"]) >= 1
    assert "Too many wrong tries. Try again in 1 s." in body
    bearer = served.ask("/session", Authorization=f"Bearer {served.token}")
    assert bearer[0] == 429
    assert until(lambda: served.say(served.token)[0] == 303)


def test_programs_say_the_token_in_a_header(served: Served) -> None:
    assert served.ask("/session", Authorization=f"Bearer {served.token}")[0] == 204
    assert served.ask("/session", Authorization="Bearer wrong")[0] == 401
    assert served.ask("/session", Authorization=f"Basic {served.token}")[0] == 401


def test_what_is_too_large_is_hung_up_on(served: Served) -> None:
    status, _, body = served.ask("/login", "POST", "token=" + "x" * BODY_BYTES)
    assert status == 400
    assert "x" * 100 not in body
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        served.ask("/login", X="x" * HEADER_BYTES)
    assert served.ask("/login")[0] == 200


def test_healthz_says_on_the_device_why_and_503_is_for_faults_alone(served: Served) -> None:
    served.play.states["link"] = State("warning", "away", "no answer", "see mqtt.host")
    assert served.ask("/healthz")[0] == 200
    served.play.states["camera.hall"] = State("fault", "lost", "no frame", "see its cable")
    status, headers, body = served.ask("/healthz")
    assert status == 503
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body)["causes"][0]["cure"] == "see its cable"


def test_healthz_tells_strangers_from_elsewhere_whether_and_no_more(served: Served) -> None:
    served.play.states["camera.hall"] = State("fault", "lost", "no frame", "see its cable")
    served.source = "127.0.0.9"
    status, _, body = served.ask("/healthz")
    assert (status, json.loads(body)) == (503, {"state": "fault"})
    status, _, body = served.ask("/healthz", Authorization=f"Bearer {served.token}")
    assert (status, len(json.loads(body)["causes"])) == (503, 1)


def test_prometheus_says_the_token_and_gets_every_figure(served: Served) -> None:
    served.play.step()
    status, headers, body = served.ask("/metrics", Authorization=f"Bearer {served.token}")
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert 'edgeagent_frames_total{camera="door"} 1.0' in body


def test_each_address_has_tries_of_its_own(served: Served) -> None:
    served.source = "127.0.0.9"
    for _ in range(FREE):
        served.say("wrong")
    assert served.say(served.token)[0] == 429
    served.source = "127.0.0.1"
    assert served.say(served.token)[0] == 303


def test_those_who_say_nothing_keep_nobody_out(served: Served) -> None:
    slow = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(GUESTS + 20)]
    for one in slow:
        one.sendall(b"GET /login HTTP/1.1\r\nHost: local")
    try:
        for _ in range(10):
            assert served.ask("/login")[0] == 200
    finally:
        for one in slow:
            one.close()


def status_of(watcher: socket.socket) -> int:
    """Return the status that a watcher is answered with; 0: hung up on, to make room."""
    head = b""
    with suppress(ConnectionError):
        while b"\r\n" not in head and (part := watcher.recv(1)):
            head += part
    return int(head.split()[1]) if head else 0


def test_a_hundred_who_watch_cost_the_river_no_frame(served: Served) -> None:
    watchers = [served.watch() for _ in range(100)]
    try:
        statuses = [status_of(one) for one in watchers]
        assert statuses.count(200) == MOST
        assert set(statuses) <= {200, 503, 0}
        # None of them reads on. What flows meanwhile waits for nobody.
        for _ in range(400):
            served.play.step()
        assert served.play.counters["frames_total.door"] == 400
        assert served.ask("/healthz")[0] == 200
    finally:
        for one in watchers:
            one.close()
    assert until(lambda: not any(g.wanted for g in served.play.feed.glimpses.values()))
    with served.watch() as late:
        assert status_of(late) == 200


def heard(watcher: socket.socket, what: bytes) -> bytes:
    data = b""
    while what not in data:
        part = watcher.recv(65536)
        assert part
        data += part
    return data


def test_who_watches_is_told_all_and_then_goes_on_being_told(playing: Served) -> None:
    with playing.watch() as watcher:
        told = heard(watcher, b"event: events")
        assert b"Content-Type: text/event-stream" in told
        assert b'"name":"porch"' in told
        for _ in range(3):
            heard(watcher, b"event: live")


def test_a_page_whose_port_is_taken_is_a_fault_in_words_and_comes_when_it_is_free(
    tmp_path: Path,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        one = Served(tmp_path, rehearsal.config(other.getsockname()[1]))
        one.page.open(one.config)
        assert until(lambda: "page" in one.health.snapshot().states)
        said = one.health.snapshot().states["page"]
        assert said.endswith("Address already in use; see page.address and page.port")
    assert one.page.wait_s(PATIENCE_S)
    assert one.health.snapshot().states == {}
    assert one.ask("/login")[0] == 200
    one.page.close()


def test_settings_are_taken_over_by_opening_it_anew(served: Served) -> None:
    cookie = served.cookie()
    other = with_page(served.config, hosts=["door.example"])
    served.page.retune(other, reopen=True)
    assert served.page.wait_s(PATIENCE_S)
    assert served.ask("/login", Host="door.example")[0] == 200
    assert served.ask("/session", Cookie=cookie)[0] == 401
    served.page.retune(with_page(other, enabled=False), reopen=True)
    with pytest.raises(ConnectionRefusedError):
        served.ask("/login")


@pytest.fixture
def encrypted(tmp_path: Path) -> Iterator[Served]:
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("needs openssl")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    request = [program, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    named = ["-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(key), "-out", str(cert)]
    subprocess.run([*request, *named, *names, *files], check=True, capture_output=True)
    key.chmod(0o600)
    page = {"cert_file": str(cert), "key_file": str(key)}
    one = Served(tmp_path, with_page(rehearsal.config(free_port()), **page)).start()
    one.tls = ssl.create_default_context(cafile=str(cert))
    yield one
    one.page.close()


def test_with_a_certificate_it_is_https_and_the_cookie_goes_nowhere_else(encrypted: Served) -> None:
    _, headers, _ = encrypted.say(encrypted.token)
    assert headers["Set-Cookie"].startswith("__Host-edgeagent-rehearsal=")
    assert "Secure" in headers["Set-Cookie"]
    with socket.create_connection(("127.0.0.1", encrypted.port), PATIENCE_S) as plain:
        plain.sendall(b"GET /login HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with suppress(ConnectionError):
            assert b"HTTP" not in plain.recv(100)
    assert encrypted.ask("/login")[0] == 200


def test_a_certificate_that_cannot_be_read_says_so_and_takes_nothing_down(tmp_path: Path) -> None:
    page = {"cert_file": str(tmp_path / "none"), "key_file": str(tmp_path / "none")}
    one = Served(tmp_path, with_page(rehearsal.config(free_port()), **page))
    one.page.open(one.config)
    assert until(lambda: "page" in one.health.snapshot().states)
    assert "No such file or directory; give the path" in one.health.snapshot().states["page"]
    one.page.close()
    assert one.health.snapshot().states == {}
