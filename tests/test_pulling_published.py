"""What a registry has becomes a bundle here: verified, unpacked without trust, or left alone."""

import gzip
import hashlib
import http.server
import io
import json
import shutil
import tarfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from edgeagent import cli
from edgeagent.credentials import Secret
from edgeagent.errors import BundleError, DownloadError, UsageError
from edgeagent.model import load_bundle
from edgeagent.pulling import WAITING, Origin, unpacking
from edgeagent.pulling.download import Fetcher
from edgeagent.pulling.published import CURE, pull_published, read_index
from edgeagent.workshop.pipeline.publishing import pack
from edgeagent.workshop.pipeline.registry import Folder

SQUARES = Path(__file__).parent / "models" / "squares-v8"


def quiet(name: str, done_bytes: int, whole_bytes: int) -> None:
    pass


def origin(base: str | Path, token: str = "") -> Origin:
    fetcher = Fetcher(quiet, patience_s=5, pause_s=0.001, tries=2, token=Secret(token), cure=CURE)
    return Origin(str(base), fetcher)


def publish(registry: Path, packed: bytes, number: str, **wrong: object) -> None:
    """Put a pack of the squares into a registry as the pipeline does."""
    digest = hashlib.sha256(packed).hexdigest()
    Folder(registry).put(digest, packed)
    index = registry / "index.json"
    told = json.loads(index.read_text()) if index.exists() else {"models": {"squares-v8": []}}
    entry = {
        "version": number, "pack": digest, "bytes": len(packed), "evaluation": digest,
        "model": hashlib.sha256((SQUARES / "model.tflite").read_bytes()).hexdigest(), **wrong,
    }  # fmt: skip
    told["models"]["squares-v8"].append(entry)
    index.write_text(json.dumps(told | {"schema": "edgeagent.registry/1"}))


def bundle_of(folder: Path, version: str) -> Path:
    """Copy the squares' bundle, as another version."""
    made = shutil.copytree(SQUARES, folder / version / "squares-v8")
    manifest = made / "manifest.toml"
    text = manifest.read_text()
    was = f'version = "{load_bundle(SQUARES).version}"'
    assert was in text
    manifest.write_text(text.replace(was, f'version = "{version}"'))
    return made


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    for version in ("7", "8"):
        publish(tmp_path / "registry", pack(bundle_of(tmp_path, version)), version)
    return tmp_path / "registry"


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "models"


class Store(http.server.SimpleHTTPRequestHandler):
    """Gives a folder's files to who has the token, and leads some elsewhere."""

    server: "Server"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server.heard.append(self.headers.get("Authorization", ""))
        if self.server.leads_to and "/sha256/" in self.path:
            self.send_response(302)
            self.send_header("Location", self.server.leads_to + self.path)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        super().do_GET()


class Server(http.server.ThreadingHTTPServer):
    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), partial(Store, directory=str(folder)))
        self.heard: list[str] = []
        self.leads_to = ""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_: object) -> None:
        pass


@pytest.fixture
def serve() -> Iterator[Callable[[Path], Server]]:
    servers: list[Server] = []

    def start(folder: Path) -> Server:
        servers.append(Server(folder))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,)).start()
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_the_newest_is_pulled_from_a_folder_and_any_other_by_its_version(
    registry: Path, into: Path
) -> None:
    assert pull_published("squares-v8", "", origin(registry), into).version == "8"
    assert [path.name for path in into.iterdir()] == ["squares-v8"]
    with pytest.raises(UsageError, match="is there already, and another one; give --replace"):
        pull_published("squares-v8", "7", origin(registry), into)
    bundle = pull_published("squares-v8", "7", origin(registry), into, replace=True)
    assert (bundle.version, bundle.folder) == ("7", into / "squares-v8")


def test_what_is_there_and_the_same_is_left(registry: Path, into: Path) -> None:
    first = pull_published("squares-v8", "", origin(registry), into)
    shutil.rmtree(registry / "sha256")
    assert pull_published("squares-v8", "8", origin(registry), into) == first


def test_it_is_pulled_over_http_and_a_pack_that_was_cut_is_taken_up(
    registry: Path, into: Path, serve: Callable[[Path], Server]
) -> None:
    entry = read_index(origin(registry)).find("squares-v8")
    waiting = into / WAITING / "squares-v8"
    waiting.mkdir(parents=True)
    begun = (registry / "sha256" / entry.pack).read_bytes()[:1000]
    (waiting / f"{entry.pack}.part").write_bytes(begun)
    server = serve(registry.parent)
    where = f"{server.address}/registry"
    assert pull_published("squares-v8", "", origin(where), into).version == "8"
    assert [path.name for path in into.iterdir()] == ["squares-v8"]


def test_a_token_is_said_to_the_registry_and_not_to_where_it_leads(
    registry: Path, into: Path, serve: Callable[[Path], Server]
) -> None:
    front, behind = serve(registry), serve(registry)
    front.leads_to = behind.address
    assert pull_published("squares-v8", "", origin(front.address, "sesame"), into).version == "8"
    assert set(front.heard) == {"Bearer sesame"}
    assert behind.heard == [""]


def test_a_registry_that_is_not_there_leaves_nothing(
    registry: Path, into: Path, tmp_path: Path, serve: Callable[[Path], Server]
) -> None:
    server = serve(tmp_path)
    gone = Server(tmp_path)
    gone.server_close()
    for where, told in (
        (tmp_path / "nowhere", "nowhere: has no index.json in it; is it a registry"),
        (
            f"{server.address}/nowhere",
            r"index\.json: answered 404 File not found; is it a registry",
        ),
        (gone.address, r"Connection refused.*, 2 times; run it again later; is it"),
    ):
        with pytest.raises(DownloadError, match=told):
            pull_published("squares-v8", "", origin(where), into)
    assert not into.exists()


def test_a_pack_that_was_spoilt_is_not_unpacked(
    registry: Path, into: Path, serve: Callable[[Path], Server]
) -> None:
    for path in (registry / "sha256").iterdir():
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    server = serve(registry)
    for where in (registry, server.address):
        with pytest.raises(DownloadError, match=r"has the sha256 .* is another file"):
            pull_published("squares-v8", "", origin(where), into)
    assert not (into / "squares-v8").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("<html>", "is it a registry"),
        ('{"schema": "edgeagent.registry/2", "models": {}}', "schema"),
        ('{"schema": "edgeagent.registry/1", "models": {"../m": []}}', "regex"),
        ('{"schema": "edgeagent.registry/1", "models": {"m": [{"version": "1"}]}}', "pack"),
        (
            '{"schema": "edgeagent.registry/1", "models": {"m": [{"version": "1", '
            '"pack": "../../m", "bytes": 1, "model": "0"}]}}',
            "regex",
        ),
    ],
)
def test_an_index_that_is_none_is_refused(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "index.json").write_text(text)
    with pytest.raises(DownloadError, match=told):
        read_index(origin(tmp_path))


def test_an_index_without_end_is_not_read(registry: Path, serve: Callable[[Path], Server]) -> None:
    with (registry / "index.json").open("r+b") as index:
        index.truncate(1 << 25)
    server = serve(registry)
    for where, told in ((registry, "has more than"), (server.address, "more than the 16,777,216")):
        with pytest.raises(DownloadError, match=told):
            read_index(origin(where))


def member(name: str, data: bytes = b"x", **more: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in more.items():
        setattr(info, key, value)
    return info, data


def packed(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    text = io.BytesIO()
    with tarfile.open(fileobj=text, mode="w") as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))
    return gzip.compress(text.getvalue())


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (packed(member("squares-v8/../../m")), "no plain file below squares-v8/"),
        (packed(member("/squares-v8/m")), "no plain file"),
        (packed(member("other/m")), "no plain file"),
        (packed(member("squares-v8")), "no plain file"),
        (packed(member("squares-v8/a/b/c/d")), "no plain file"),
        (
            packed(member("squares-v8/m", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd")),
            "no pl",
        ),
        (packed(member("squares-v8/m", b"", type=tarfile.FIFOTYPE)), "no plain file"),
        (packed(*(member(f"squares-v8/{n}") for n in range(1001))), "more than 1000 files"),
        (packed(member("squares-v8/m"))[:-20], "is no pack of a bundle"),
        (gzip.compress(b"no tar" * 200), "is no pack of a bundle"),
        (b"no gzip", "is no pack of a bundle"),
        (packed(member("squares-v8/m")), "manifest"),
    ],
    ids=str,
)
def test_a_pack_that_is_none_leaves_nothing(
    tmp_path: Path, into: Path, data: bytes, told: str
) -> None:
    publish(tmp_path / "registry", data, "1")
    with pytest.raises(BundleError, match=told):
        pull_published("squares-v8", "", origin(tmp_path / "registry"), into)
    assert list(into.iterdir()) == []
    assert not (tmp_path / "m").exists()


def test_a_small_pack_that_fills_the_disk_is_not_unpacked(tmp_path: Path) -> None:
    info, _ = member("m/model")
    info.size = unpacking.MOST_BYTES
    with gzip.open(tmp_path / "pack", "wb", compresslevel=1) as file:
        file.write(info.tobuf())
        for _ in range(unpacking.MOST_BYTES >> 22):
            file.write(bytes(1 << 22))
    assert (tmp_path / "pack").stat().st_size < 1 << 21
    with pytest.raises(BundleError, match="holds more than 268,435,456 bytes"):
        unpacking.unpack(tmp_path / "pack", "m", tmp_path / "m")


def test_a_pack_of_something_else_than_the_index_says_is_refused(
    tmp_path: Path, into: Path
) -> None:
    for wrong in ({"model": "0" * 64}, {"version": "2"}):
        registry = tmp_path / next(iter(wrong))
        publish(registry, pack(bundle_of(registry, "1")), "1", **wrong)
        with pytest.raises(BundleError, match=r"other files than the index says; publish it again"):
            pull_published("squares-v8", "", origin(registry), into)
    assert list(into.iterdir()) == []


def test_the_command_lists_what_is_published_and_pulls_it(
    registry: Path, into: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["models", "pull", "--registry", str(registry)]
    assert cli.main(asked) == 0
    assert capsys.readouterr().out == "squares-v8  7, 8\n"
    assert cli.main([*asked, "squares-v8", "--version", "7", "--into", str(into)]) == 0
    assert f"To try it: edgeagent replay CLIP --model {into}" in capsys.readouterr().out
    assert cli.main([*asked, "sqares", "--into", str(into)]) == 64
    assert "no such model in the registry; did you mean 'squares-v8'?" in capsys.readouterr().err
    assert cli.main([*asked, "squares-v8", "--version", "9", "--into", str(into)]) == 64
    assert "no version '9' in the registry; there is 7, 8" in capsys.readouterr().err


def test_what_is_for_a_registry_is_refused_without_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models", "pull", "coco16-320", "--version", "2"]) == 64
    assert "--version and --token-file are for a --registry" in capsys.readouterr().err
