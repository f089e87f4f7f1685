"""What goes out: packs, an index, a folder or a server of HTTPS that keeps them."""

import hashlib
import http.server
import json
import ssl
import tarfile
import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from edgeagent.errors import DownloadError, UsageError
from edgeagent.workshop.pipeline.publishing import last_evaluation, pack, publish
from edgeagent.workshop.pipeline.registry import Folder, open_registry
from tests.system.authority import Authority, missing

from .colours import Made


def test_published_twice_it_is_listed_once_and_the_last_is_the_one_to_beat(
    made: Made, tmp_path: Path
) -> None:
    registry = Folder(tmp_path / "r")
    assert last_evaluation("colours", registry) is None
    first = publish(made.bundle(tmp_path), registry)
    publish(made.bundle(tmp_path), registry)
    index = json.loads(registry.read_index()[0])
    assert [one["pack"] for one in index["models"]["colours"]] == [first["pack"]]
    publish(made.bundle(tmp_path, "2"), registry)
    index = json.loads(registry.read_index()[0])
    assert [one["version"] for one in index["models"]["colours"]] == ["1.0.0", "2.0.0"]
    assert last_evaluation("colours", registry) == made.report.read_bytes()
    with pytest.raises(UsageError, match=r"colours 1\.9\.0: version 2\.0\.0 is published already"):
        publish(made.bundle(tmp_path, "1.9"), registry)
    publish(made.bundle(tmp_path, "10.0.0"), registry)


def test_a_pack_opens_to_the_bundle(made: Made, tmp_path: Path) -> None:
    packed = pack(made.bundle(tmp_path))
    with tarfile.open(fileobj=BytesIO(packed)) as tar:
        assert "colours/manifest.toml" in tar.getnames()
        assert {(one.uid, one.mtime, one.mode) for one in tar} == {(0, 0, 0o644)}


def test_what_was_spoilt_in_a_registry_is_not_believed(tmp_path: Path) -> None:
    registry, digest = Folder(tmp_path), hashlib.sha256(b"right").hexdigest()
    registry.put(digest, b"right")
    assert registry.get(digest) == b"right"
    (tmp_path / "sha256" / digest).write_bytes(b"wrong")
    with pytest.raises(DownloadError, match="spoilt or exchanged"):
        registry.get(digest)


class Store(http.server.BaseHTTPRequestHandler):
    """A store of objects, as many are: GET, HEAD, PUT with conditions; one token may write."""

    def log_message(self, *_: object) -> None:
        """Keep still."""

    def do_GET(self) -> None:
        kept = self.server.kept.get(self.path)  # type: ignore[attr-defined]
        self._answer(404 if kept is None else 200, kept or b"")

    do_HEAD = do_GET  # noqa: N815

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        kept = self.server.kept  # type: ignore[attr-defined]
        if self.headers["Authorization"] != "Bearer opensesame":
            return self._answer(403, b"")
        if self.server.rivals and self.path.endswith("index.json"):  # type: ignore[attr-defined]
            rival = self.server.rivals.pop()  # type: ignore[attr-defined]
            kept[self.path] = rival
        there = kept.get(self.path)
        wanted = self.headers["If-Match"]
        if wanted and (there is None or wanted != self._tag(there)):
            return self._answer(412, b"")
        if self.headers["If-None-Match"] and there is not None:
            return self._answer(412, b"")
        kept[self.path] = data
        return self._answer(201, b"")

    def _tag(self, data: bytes) -> str:
        return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'

    def _answer(self, status: int, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", self._tag(data))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Any]:
    if missing():
        pytest.skip(missing())
    authority = Authority(tmp_path / "pki")
    certificate = authority.sign("store")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Store)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.kept, server.rivals, server.ca = {}, [], authority.ca  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    thread.join(30)
    server.server_close()


def token(tmp_path: Path, text: str = "opensesame") -> str:
    (tmp_path / "token").write_text(text)
    (tmp_path / "token").chmod(0o600)
    return str(tmp_path / "token")


def test_a_registry_of_https_keeps_what_another_wrote_in_between(
    made: Made, tmp_path: Path, server: Any  # noqa: ANN401
) -> None:  # fmt: skip
    rival = {"schema": "edgeagent.registry/1", "models": {"theirs": [{"pack": "1"}]}}
    server.rivals.append(json.dumps(rival).encode())
    where = f"https://127.0.0.1:{server.server_port}/models"
    registry = open_registry(where, token(tmp_path), server.ca)
    entry = publish(made.bundle(tmp_path), registry)
    index = json.loads(server.kept["/models/index.json"])
    assert set(index["models"]) == {"theirs", "colours"}
    assert f"/models/sha256/{entry['pack']}" in server.kept
    assert last_evaluation("colours", registry) == made.report.read_bytes()


def test_who_may_not_write_hears_so_and_the_index_is_left(
    made: Made, tmp_path: Path, server: Any  # noqa: ANN401
) -> None:  # fmt: skip
    where = f"https://127.0.0.1:{server.server_port}/models"
    registry = open_registry(where, token(tmp_path, "guess"), server.ca)
    with pytest.raises(DownloadError, match="answered 403; may this token write"):
        publish(made.bundle(tmp_path), registry)
    assert server.kept == {}


def test_a_registry_whose_certificate_nobody_vouches_for_is_not_spoken_to(
    tmp_path: Path, server: Any  # noqa: ANN401
) -> None:  # fmt: skip
    registry = open_registry(f"https://127.0.0.1:{server.server_port}", token(tmp_path))
    with pytest.raises(DownloadError, match="CERTIFICATE_VERIFY_FAILED"):
        registry.read_index()


@pytest.mark.parametrize("where", ["http://models.example/", "ftp://x/", "https://a@b/"])
def test_an_address_that_is_no_registry_is_refused(where: str) -> None:
    with pytest.raises(UsageError, match=r"https://"):
        open_registry(where)
