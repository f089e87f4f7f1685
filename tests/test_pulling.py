"""Models of the catalogue become bundles: from a mirror, from a folder, from the release."""

import hashlib
import http.server
import os
import re
import shutil
import ssl
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from edgeagent import cli
from edgeagent.cli.models_pull import Bar, Lines
from edgeagent.errors import BundleError, DownloadError, UsageError
from edgeagent.model import load_bundle
from edgeagent.pulling import WAITING, Origin, pull
from edgeagent.pulling.catalogue import FILE, Catalogue, read_catalogue
from edgeagent.pulling.download import Fetcher

DATA = os.environ.get("EDGEAGENT_TESTDATA", "")
CORAL = Path(DATA) / "models"
needs_coral = pytest.mark.skipif(not DATA, reason="needs EDGEAGENT_TESTDATA: Coral's models")
SQUARES = Path(__file__).parent / "models" / "squares-v8"
CLASSIFIER = "mobilenet_v1_0.5_160_quant"


def described(folder: Path, **changed: str) -> Catalogue:
    """A catalogue of one model, of the files that the tests ship."""
    digests = {
        "cpu": hashlib.sha256((SQUARES / "model.tflite").read_bytes()).hexdigest(),
        "labels": hashlib.sha256((SQUARES / "labels.txt").read_bytes()).hexdigest(),
    } | changed
    lines = [
        'base = "https://mirror.example/"', 'commit = "0abc"', 'licence = "Apache-2.0"',
        "[model.squares]", 'what = "finds squares"', 'decoder = "yolo"',
        f'cpu = {{ path = "v8/model.tflite", sha256 = "{digests["cpu"]}" }}',
        f'labels = {{ path = "v8/labels.txt", size_bytes = 9, sha256 = "{digests["labels"]}" }}',
    ]  # fmt: skip
    file = folder / "catalogue.toml"
    file.write_text("\n".join(lines))
    return read_catalogue(file)


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return described(tmp_path)


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "models"


def quiet(name: str, done_bytes: int, whole_bytes: int) -> None:
    pass


def origin(base: str | Path) -> Origin:
    return Origin(str(base), Fetcher(quiet, patience_s=2, pause_s=0.001, tries=2))


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class Mirror(http.server.ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        pass


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[http.server.ThreadingHTTPServer]:
    shutil.copytree(SQUARES, tmp_path / "mirror" / "v8")
    server = Mirror(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "mirror")))
    threading.Thread(target=server.serve_forever, args=(0.01,), name="mirror").start()
    yield server
    server.shutdown()
    server.server_close()


def address(mirror: http.server.ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{mirror.server_address[1]}"


def test_every_entry_that_ships_can_be_verified() -> None:
    catalogue = read_catalogue()
    assert catalogue.base.startswith("https://raw.githubusercontent.com/google-coral/test_data/")
    assert re.search(f"/{catalogue.commit}[0-9a-f]{{33}}/$", catalogue.base)
    for name, entry in catalogue.model.items():
        assert entry.cpu.path == f"{name}.tflite"
        assert entry.edgetpu is None or entry.edgetpu.path == f"{name}_edgetpu.tflite"
        assert (entry.labels is None) == (entry.task == "embed")


@needs_coral
def test_what_the_catalogue_says_of_files_at_hand_is_true() -> None:
    seen = 0
    for entry in read_catalogue().model.values():
        for file in entry.files.values():
            path = CORAL / file.name
            if path.is_file():
                data = path.read_bytes()
                assert (file.sha256, file.size_bytes) == (
                    hashlib.sha256(data).hexdigest(),
                    len(data),
                )
                seen += 1
    assert seen == 8


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            'sha256 = "32c48614',
            'sha256 = "x2c48614',
            "model.ssdlite_mobiledet_coco_qat_postprocess",
        ),
        ('path = "coco_labels.txt", size', 'path = "../coco_labels.txt", size', "labels: "),
        ('base = "https://', 'base = "http://', "base: "),
        ('decoder = "ssd"', 'decoder = "sdd"', "decoder: 'sdd' will not do"),
        ("[model.", "[modell.", "modell: unknown key; did you mean 'model'?"),
        ("commit =", "commit", "cannot be read"),
    ],
)
def test_a_catalogue_that_is_wrong_is_refused(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    file = tmp_path / "catalogue.toml"
    text = FILE.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(BundleError) as raised:
        read_catalogue(file)
    assert told in str(raised.value)


def test_an_entry_without_a_digest_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "catalogue.toml"
    file.write_text(re.sub(r', sha256 = "32c4[0-9a-f]+"', "", FILE.read_text()))
    with pytest.raises(BundleError, match=r"cpu\.sha256: missing"):
        read_catalogue(file)


def test_a_model_is_pulled_from_a_mirror(
    catalogue: Catalogue, into: Path, mirror: http.server.ThreadingHTTPServer
) -> None:
    told: list[str] = []
    bundle = pull("squares", catalogue, origin(address(mirror)), into, told.append)
    assert bundle.folder == into / "squares"
    assert (bundle.version, bundle.licence, bundle.decoder) == ("1.0.0+0abc", "Apache-2.0", "yolo")
    assert bundle.origin == "https://mirror.example/v8/model.tflite"
    assert bundle.labels == ("red", "blue")
    assert [path.name for path in into.iterdir()] == ["squares"]
    told.clear()
    assert pull("squares", catalogue, origin("https://nobody"), into, told.append) == bundle
    assert told == [f"{into / 'squares'}: is there already, and whole"]


def test_a_pull_that_was_broken_off_goes_on_with_what_is_there(
    catalogue: Catalogue, into: Path, mirror: http.server.ThreadingHTTPServer, tmp_path: Path
) -> None:
    (tmp_path / "mirror" / "v8" / "labels.txt").unlink()
    with pytest.raises(DownloadError, match=r"v8/labels\.txt: answered 404"):
        pull("squares", catalogue, origin(address(mirror)), into, print)
    assert [path.name for path in into.iterdir()] == [WAITING]
    assert cli.main(["models", "--folder", str(into)]) == 0
    shutil.copy(SQUARES / "labels.txt", tmp_path / "mirror" / "v8")
    (tmp_path / "mirror" / "v8" / "model.tflite").unlink()
    assert pull("squares", catalogue, origin(address(mirror)), into, print).labels


def test_a_model_is_pulled_from_a_folder(catalogue: Catalogue, into: Path, tmp_path: Path) -> None:
    assert pull("squares", catalogue, origin(SQUARES), into, print).name == "squares"
    shutil.rmtree(into)
    with pytest.raises(DownloadError, match=r"has no model\.tflite in it; name the folder"):
        pull("squares", catalogue, origin(tmp_path), into, print)
    assert not (into / "squares").exists()


def test_a_folder_with_another_file_is_refused(tmp_path: Path, into: Path) -> None:
    catalogue = described(tmp_path, cpu="0" * 64)
    with pytest.raises(DownloadError, match=r"listed is 0{64}; it is another file"):
        pull("squares", catalogue, origin(SQUARES), into, print)
    assert not (into / "squares").exists()
    assert (SQUARES / "model.tflite").exists()


def test_an_address_that_is_not_asked_leaves_nothing(catalogue: Catalogue, into: Path) -> None:
    for base in ("http://mirror.example", "file:///models", "ftp://mirror.example"):
        with pytest.raises(UsageError, match="give https://"):
            pull("squares", catalogue, origin(base), into, print)
    assert not into.exists()


def test_another_bundle_of_its_name_stays(catalogue: Catalogue, into: Path) -> None:
    other = SQUARES.with_name("squares-ssd")
    shutil.copytree(other, into / "squares")
    with pytest.raises(UsageError, match="is there already, and another one; give --replace"):
        pull("squares", catalogue, origin(SQUARES), into, print)
    assert pull("squares", catalogue, origin(SQUARES), into, print, replace=True).decoder == "yolo"


def test_the_releases_own_are_copied(catalogue: Catalogue, into: Path) -> None:
    bundle = pull("embed88-128", catalogue, origin("https://nobody"), into, print)
    assert bundle == load_bundle(into / "embed88-128")
    assert (into / "embed88-128" / "LICENSE").is_file()


def test_a_name_that_is_not_there_is_told_with_the_nearest(
    catalogue: Catalogue, into: Path
) -> None:
    with pytest.raises(UsageError, match="'sqares': no such model in the catalogue; did you mean"):
        pull("sqares", catalogue, origin(SQUARES), into, print)


@needs_coral
def test_corals_pair_is_pulled_by_the_command(
    into: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["models", "pull", CLASSIFIER, "--from", str(CORAL), "--into", str(into)]
    assert cli.main(asked) == 0
    told = capsys.readouterr().out
    assert f'  folder = "{into}"\n  name = "{CLASSIFIER}"' in told
    bundle = load_bundle(into / CLASSIFIER)
    assert (bundle.version, set(bundle.files)) == ("1.0.0+104342d", {"cpu", "edgetpu"})
    assert bundle.origin.endswith(f"4c41/{CLASSIFIER}.tflite")


def test_the_catalogue_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models", "catalogue"]) == 0
    told = capsys.readouterr().out
    assert "ssdlite_mobiledet_coco_qat_postprocess\n  detect, cpu and edgetpu: detector" in told
    assert "coco16-320\n  ships with this release" in told
    assert cli.main(["models", "pull"]) == 0
    assert capsys.readouterr().out == told


def test_where_to_is_the_settings_folder_or_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = tmp_path / "edgeagent.toml"
    settings.write_text(f'[model]\nfolder = "{tmp_path / "own"}"\n')
    assert cli.main(["models", "pull", "embed88-128", "--config", str(settings)]) == 0
    assert (tmp_path / "own" / "embed88-128" / "manifest.toml").is_file()
    assert '  vector = "embed88-128"' in capsys.readouterr().out
    settings.write_text("")
    assert cli.main(["models", "pull", "embed88-128", "--config", str(settings)]) == 64
    told = capsys.readouterr().err
    assert f"where to? give --into FOLDER, or set folder in [model] of {settings}" in told


def test_a_mirror_with_a_certificate_is_used_by_the_command(tmp_path: Path, into: Path) -> None:
    """Over real TLS, with a CA that the system trusts by SSL_CERT_FILE."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    name = "mobilenet_v1_0.5_160_quant"
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x",
            "-addext", "subjectAltName=IP:127.0.0.1",
            "-keyout", str(key), "-out", str(cert)]  # fmt: skip
    subprocess.run(make, check=True, capture_output=True)
    server = Mirror(("127.0.0.1", 0), partial(Quiet, directory=str(SQUARES)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.01,), name="mirror").start()
    done = subprocess.run(
        [sys.executable, "-m", "edgeagent", "models", "pull", name, "--into", str(into),
         "--from", f"https://127.0.0.1:{server.server_address[1]}"],
        env={**os.environ, "SSL_CERT_FILE": str(cert)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    server.shutdown()
    server.server_close()
    # It was reached: it has no such file.
    assert done.returncode == 69
    assert f"/{name}.tflite: answered 404" in done.stderr


def test_a_bar_is_drawn_for_who_looks_and_lines_for_a_log(
    capsys: pytest.CaptureFixture[str],
) -> None:
    bar, lines = Bar(), Lines()
    for done in range(0, 101, 10):
        bar("m.tflite", done * 10_000, 1_000_000)
    drawn = capsys.readouterr().err
    assert drawn.startswith("\r\x1b[K[........................]   0%  0.0 of 1.0 MB  m.tflite")
    assert drawn.endswith("[########################] 100%  1.0 of 1.0 MB  m.tflite\n")
    for done in range(0, 101, 10):
        lines("m.tflite", done * 10_000, 1_000_000)
        lines("n.tflite", done * 10_000, 0)
    told = capsys.readouterr().err.splitlines()
    assert "m.tflite: 1,000,000 of 1,000,000 bytes" in told
    assert "n.tflite: 0 bytes" in told


def test_the_catalogue_names_no_host_but_corals() -> None:
    table = tomllib.loads(FILE.read_text())
    assert re.findall(r"https?://([^/\"]+)", FILE.read_text()) == ["raw.githubusercontent.com"]
    assert set(table) == {"base", "commit", "licence", "model"}
