"""Downloads from servers that cut, stall, lie and redirect: resumed, refused, never half."""

import hashlib
import http.server
import shutil
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgeagent.errors import DownloadError, UsageError
from edgeagent.pulling.catalogue import RemoteFile
from edgeagent.pulling.download import Fetcher

BODY = bytes(range(256)) * 1200
FILE = RemoteFile("m.tflite", hashlib.sha256(BODY).hexdigest(), len(BODY))
UNSIZED = RemoteFile("m.tflite", FILE.sha256)

Act = Callable[["Handler", int], None]
"""What the server does; told how many requests came before."""


class Handler(http.server.BaseHTTPRequestHandler):
    """Does what the server's ``act`` says."""

    server: "Server"

    def do_GET(self) -> None:
        self.server.asked.append(self.headers.get("Range", ""))
        self.server.act(self, len(self.server.asked) - 1)

    def log_message(self, *_: object) -> None:
        pass

    @property
    def begin(self) -> int:
        return int(self.headers["Range"][6:-1]) if "Range" in self.headers else 0

    def give(self, body: bytes, status: int = 200, length: int | None = None, **more: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in more.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def give_from(self, body: bytes, begin: int, upto: int | None = None) -> None:
        """Answer as an honest server does, but end the connection at ``upto``."""
        part = body[begin:]
        told = {"Content_Range": f"bytes {begin}-{len(body) - 1}/{len(body)}"} if begin else {}
        sent = part if upto is None else part[: max(upto - begin, 0)]
        self.give(sent, 206 if begin else 200, len(part), **told)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, act: Act) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.act = act
        self.asked: list[str] = []

    def handle_error(self, *_: object) -> None:
        pass

    def address(self, scheme: str = "http") -> str:
        return f"{scheme}://127.0.0.1:{self.server_address[1]}/m.tflite"


@pytest.fixture
def serve() -> Iterator[Callable[[Act], Server]]:
    servers: list[Server] = []

    def start(act: Act) -> Server:
        server = Server(act)
        threading.Thread(target=server.serve_forever, args=(0.01,), name="mirror").start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def quiet(name: str, done_bytes: int, whole_bytes: int) -> None:
    pass


def fetcher(progress: Callable[[str, int, int], None] = quiet, tries: int = 3) -> Fetcher:
    return Fetcher(progress, patience_s=0.3, pause_s=0.001, tries=tries)


def refusal(server: Server, into: Path, file: RemoteFile = FILE) -> str:
    with pytest.raises(DownloadError) as raised:
        fetcher().fetch(server.address(), file, into)
    assert not into.exists()
    return str(raised.value).replace(server.address(), "URL")


def kept(into: Path) -> int:
    part = into.with_name(f"{into.name}.part")
    return part.stat().st_size if part.exists() else -1


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "m.tflite"


@pytest.mark.parametrize("file", [FILE, UNSIZED])
def test_a_file_comes_and_its_way_is_told(
    serve: Callable[[Act], Server], into: Path, file: RemoteFile
) -> None:
    heard: list[tuple[str, int, int]] = []
    server = serve(lambda handler, _: handler.give(BODY))
    fetcher(lambda *one: heard.append(one)).fetch(server.address(), file, into)
    assert into.read_bytes() == BODY
    assert heard[-1] == ("m.tflite", len(BODY), len(BODY))
    assert [done for _, done, _ in heard] == sorted(done for _, done, _ in heard)
    assert list(into.parent.iterdir()) == [into]


def test_what_is_cut_is_taken_up_where_it_was_cut(
    serve: Callable[[Act], Server], into: Path
) -> None:
    def cut(handler: Handler, number: int) -> None:
        handler.give_from(BODY, handler.begin, 1000 if number == 0 else None)

    server = serve(cut)
    fetcher().fetch(server.address(), FILE, into)
    assert into.read_bytes() == BODY
    assert server.asked == ["", "bytes=1000-"]


def test_what_is_given_up_is_taken_up_by_the_next_run(
    serve: Callable[[Act], Server], into: Path
) -> None:
    server = serve(lambda handler, _: handler.give_from(BODY, handler.begin, 5000))
    told = refusal(server, into)
    assert told == (
        "URL: was cut after 5,000 of 307,200 bytes, 3 times; 5,000 bytes are kept: run it again "
        "and it goes on from there"
    )
    assert kept(into) == 5000
    honest = serve(lambda handler, _: handler.give_from(BODY, handler.begin))
    fetcher().fetch(honest.address(), FILE, into)
    assert honest.asked == ["bytes=5000-"]
    assert into.read_bytes() == BODY


def test_a_bad_line_that_gets_on_is_not_given_up(
    serve: Callable[[Act], Server], into: Path
) -> None:
    def crumbs(handler: Handler, _: int) -> None:
        handler.give_from(BODY, handler.begin, handler.begin + 70_000)

    server = serve(crumbs)
    fetcher(tries=1).fetch(server.address(), FILE, into)
    assert len(server.asked) == 5


def test_a_server_that_says_nothing_more_is_hung_up_on(
    serve: Callable[[Act], Server], into: Path
) -> None:
    stop = threading.Event()

    def stall(handler: Handler, number: int) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(BODY)))
        handler.end_headers()
        handler.wfile.write(BODY[:100])
        handler.wfile.flush()
        stop.wait(60)

    server = serve(stall)
    began_s = time.monotonic()
    told = refusal(server, into)
    stop.set()
    assert told.startswith("URL: was silent for 0.3 s, 3 times; 100 bytes are kept")
    assert time.monotonic() - began_s < 30


def test_a_server_without_ranges_begins_again(serve: Callable[[Act], Server], into: Path) -> None:
    def whole(handler: Handler, number: int) -> None:
        handler.give(BODY[:3000] if number == 0 else BODY, length=len(BODY))

    server = serve(whole)
    fetcher().fetch(server.address(), FILE, into)
    assert server.asked == ["", "bytes=3000-"]
    assert into.read_bytes() == BODY


def test_another_part_than_was_asked_for_is_not_believed(
    serve: Callable[[Act], Server], into: Path
) -> None:
    def shifted(handler: Handler, number: int) -> None:
        if number == 1:
            told = f"bytes 0-{len(BODY) - 1}/{len(BODY)}"
            handler.give(BODY, 206, Content_Range=told)
        else:
            handler.give_from(BODY, handler.begin, 2000 if number == 0 else None)

    server = serve(shifted)
    fetcher().fetch(server.address(), FILE, into)
    assert server.asked == ["", "bytes=2000-", ""]
    assert into.read_bytes() == BODY


@pytest.mark.parametrize("length", [len(BODY) - 1, len(BODY) + 1])
def test_another_length_is_another_file(
    serve: Callable[[Act], Server], into: Path, length: int
) -> None:
    server = serve(lambda handler, _: handler.give(BODY, length=length))
    assert refusal(server, into) == (
        f"URL: has {length:,} bytes, 307,200 are listed; it is another file: "
        "try another mirror, --from"
    )
    assert len(server.asked) == 1


def test_a_length_that_is_a_lie_is_found_by_the_digest(
    serve: Callable[[Act], Server], into: Path
) -> None:
    server = serve(lambda handler, _: handler.give(BODY[:-1] + b"xyz", length=len(BODY)))
    assert "has the sha256" in refusal(server, into)
    assert kept(into) == -1


def test_a_length_beyond_all_measure_is_not_begun(
    serve: Callable[[Act], Server], into: Path
) -> None:
    server = serve(lambda handler, _: handler.give(BODY, length=1 << 40))
    told = r"has 1,099,511,627,776 bytes, more than the 268,435,456 that are taken: try"
    with pytest.raises(DownloadError, match=told):
        fetcher().fetch(server.address(), UNSIZED, into)
    assert kept(into) == -1


def test_what_never_ends_is_stopped(serve: Callable[[Act], Server], into: Path) -> None:
    def endless(handler: Handler, _: int) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(100):
            handler.wfile.write(BODY)

    assert "URL: goes on after 307,200 bytes" in refusal(serve(endless), into)
    assert kept(into) == -1


@pytest.mark.parametrize("file", [FILE, UNSIZED])
def test_a_wrong_file_is_thrown_away(
    serve: Callable[[Act], Server], into: Path, file: RemoteFile
) -> None:
    server = serve(lambda handler, _: handler.give(bytes(len(BODY))))
    told = refusal(server, into, file)
    assert told.startswith("URL: has the sha256 ")
    assert f"listed is {FILE.sha256}; it is another file, and was thrown away" in told
    assert kept(into) == -1


def test_what_was_begun_of_another_file_is_begun_again(
    serve: Callable[[Act], Server], into: Path
) -> None:
    into.with_name("m.tflite.part").write_bytes(b"of another version")
    server = serve(lambda handler, _: handler.give_from(BODY, handler.begin))
    fetcher().fetch(server.address(), FILE, into)
    assert server.asked == ["bytes=18-", ""]
    assert into.read_bytes() == BODY


def test_more_than_there_should_be_is_begun_again(
    serve: Callable[[Act], Server], into: Path
) -> None:
    into.with_name("m.tflite.part").write_bytes(BODY + b"more")

    def act(handler: Handler, _: int) -> None:
        if handler.begin >= len(BODY):
            handler.give(b"", 416)
        else:
            handler.give_from(BODY, handler.begin)

    server = serve(act)
    fetcher().fetch(server.address(), FILE, into)
    assert server.asked == [f"bytes={len(BODY) + 4}-", ""]
    assert into.read_bytes() == BODY


def test_what_is_whole_already_is_not_asked_for(serve: Callable[[Act], Server], into: Path) -> None:
    into.with_name("m.tflite.part").write_bytes(BODY)
    server = serve(lambda handler, _: handler.give(b"", 500))
    fetcher().fetch(server.address(), FILE, into)
    assert server.asked == []
    assert into.read_bytes() == BODY


@pytest.mark.parametrize(("status", "asked"), [(403, 1), (404, 1), (503, 3), (429, 3)])
def test_refusals_are_told_and_passing_ones_tried_again(
    serve: Callable[[Act], Server], into: Path, status: int, asked: int
) -> None:
    server = serve(lambda handler, _: handler.give(b"", status))
    assert f"answered {status} " in refusal(server, into)
    assert kept(into) == -1
    assert len(server.asked) == asked


def redirect(handler: Handler, to: str) -> None:
    handler.give(b"", 302, Location=to)


def test_a_redirect_is_followed_with_what_was_asked(
    serve: Callable[[Act], Server], into: Path
) -> None:
    honest = serve(lambda handler, _: handler.give_from(BODY, handler.begin))
    into.with_name("m.tflite.part").write_bytes(BODY[:10])
    server = serve(lambda handler, _: redirect(handler, honest.address()))
    fetcher().fetch(server.address(), FILE, into)
    assert honest.asked == ["bytes=10-"]


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("http://mirror.example/m.tflite", "is not encrypted"),
        ("file:///etc/passwd", "is not"),
        ("ftp://mirror.example/m", "is not the address of a mirror"),
    ],
)
def test_a_redirect_to_what_would_not_be_asked_is_refused(
    serve: Callable[[Act], Server], into: Path, to: str, why: str
) -> None:
    told = refusal(serve(lambda handler, _: redirect(handler, to)), into)
    assert why in told or "302" in told


def test_a_redirect_in_a_circle_is_refused(serve: Callable[[Act], Server], into: Path) -> None:
    server = serve(lambda handler, _: redirect(handler, "/m.tflite"))
    assert "answered 302" in refusal(server, into)
    assert len(server.asked) < 20


def test_nobody_at_home_is_told(into: Path, serve: Callable[[Act], Server]) -> None:
    server = serve(lambda *_: None)
    told = refusal(server, into)
    assert told.startswith("URL: failed (Remote end closed connection without response), 3 times")
    with pytest.raises(DownloadError, match=r"failed \(\[Errno 111\] Connection refused\)"):
        fetcher().fetch("http://127.0.0.1:1/x", FILE, into)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://mirror.example/x", "is not encrypted; give https://, or allow it with --http"),
        ("ftp://mirror.example/x", "is not the address of a mirror"),
        ("file:///models/x", "is not the address of a mirror"),
        ("https://user:word@mirror.example/x", "is not the address of a mirror"),
        ("https:///x", "is not the address of a mirror"),
    ],
)
def test_addresses_that_are_not_asked(into: Path, url: str, told: str) -> None:
    with pytest.raises(UsageError) as raised:
        fetcher().fetch(url, FILE, into)
    assert told in str(raised.value)
    assert list(into.parent.iterdir()) == []


def test_plain_http_is_had_by_leave() -> None:
    Fetcher(quiet, plain_http=True).check("http://mirror.example/x")
    Fetcher(quiet).check("http://[::1]:8000/x")
    Fetcher(quiet).check("https://mirror.example/x")


def test_two_at_one_file_do_not_mix(serve: Callable[[Act], Server], into: Path) -> None:
    begun, go = threading.Event(), threading.Event()

    def slow(handler: Handler, _: int) -> None:
        begun.set()
        go.wait(5)
        handler.give(BODY)

    server = serve(slow)
    first = Fetcher(quiet, patience_s=10)
    thread = threading.Thread(target=first.fetch, args=(server.address(), FILE, into), name="1st")
    thread.start()
    begun.wait(5)
    with pytest.raises(DownloadError, match="another pull is at it; wait for it"):
        fetcher().fetch(server.address(), FILE, into)
    go.set()
    thread.join(5)
    assert into.read_bytes() == BODY


def test_a_folder_that_cannot_be_written_is_told(
    serve: Callable[[Act], Server], tmp_path: Path
) -> None:
    server = serve(lambda handler, _: handler.give(BODY))
    with pytest.raises(DownloadError, match="cannot be written"):
        fetcher().fetch(server.address(), FILE, tmp_path / "no" / "m.tflite")


def test_a_certificate_that_nobody_vouches_for_is_refused(
    serve: Callable[[Act], Server], into: Path, tmp_path: Path
) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x"]
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run([*make, "-keyout", key, "-out", cert], check=True, capture_output=True)
    server = serve(lambda handler, _: handler.give(BODY))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with pytest.raises(DownloadError, match=r"its certificate is not trusted \(self.signed cert"):
        fetcher().fetch(server.address("https"), FILE, into)


FETCH = """
import resource, sys
from pathlib import Path
from edgeagent.errors import DownloadError
from edgeagent.pulling.catalogue import RemoteFile
from edgeagent.pulling.download import Fetcher

resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    Fetcher(print).fetch(sys.argv[1], RemoteFile("m.tflite", sys.argv[2]), Path(sys.argv[3]))
except DownloadError as error:
    sys.exit(str(error))
"""


def test_no_room_is_told_at_once_and_what_fits_is_kept(
    serve: Callable[[Act], Server], into: Path
) -> None:
    server = serve(lambda handler, _: handler.give_from(BODY, handler.begin))
    done = subprocess.run(
        [sys.executable, "-c", FETCH, server.address(), FILE.sha256, str(into)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.strip() == f"{into}.part: cannot be written (File too large); make room"
    assert len(server.asked) == 1
    assert kept(into) == 100_000
    fetcher().fetch(server.address(), FILE, into)
    assert server.asked[1] == "bytes=100000-"
    assert into.read_bytes() == BODY
