"""Device against cloud: what counts as agreement, and servers that are none."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest

from edgeagent.cli import main
from edgeagent.errors import ServingError, UsageError
from edgeagent.findings import Box, Detection, Embedding, Label
from edgeagent.model import bundles_folder, find_bundle
from edgeagent.serving.client import Server
from edgeagent.serving.likeness import Pair, agreement
from edgeagent.serving.protocol import HEADER, Message, Named
from edgeagent.serving.service import inference_service

ONE = Box(0.0, 0.0, 0.5, 0.5)
NEAR = Box(0.0, 0.0, 0.5, 0.4)
FAR = Box(0.5, 0.5, 1.0, 1.0)


def cat(score: float, box: Box = ONE) -> Detection:
    return Detection("cat", score, box)


def vector(*values: int) -> Embedding:
    return Embedding(np.array(values, np.uint8).tobytes(), "uint8", 0.5, 10)


def test_a_box_is_matched_once_by_the_one_that_overlaps_most() -> None:
    pair = Pair([cat(0.75), cat(0.5, FAR)], [cat(0.5, NEAR), cat(0.5), Detection("dog", 0.5, FAR)])
    found = agreement([pair, Pair([], [])], "detect")
    assert (found["device"], found["cloud"], found["matched"]) == (2, 3, 1)
    assert found["agreement"] == pytest.approx(2 / 5)
    assert (found["likeness"], found["score_mean"]) == (1.0, -0.25)


def test_labels_agree_by_their_names_and_vectors_by_their_angle() -> None:
    labels = agreement([Pair([Label("a", 0.5)], [Label("a", 0.75)])], "classify")
    assert (labels["agreement"], labels["likeness"], labels["score_absolute"]) == (1.0, None, 0.25)
    pairs = [Pair([vector(11, 10)], [vector(12, 10)]), Pair([vector(11, 10)], [vector(10, 11)])]
    vectors = agreement(pairs, "embed")
    assert (vectors["agreement"], vectors["likeness"]) == (0.5, 0.0)


def test_where_neither_says_anything_they_agree() -> None:
    assert agreement([Pair([], [])], "detect")["agreement"] == 1.0
    assert agreement([], "detect")["likeness"] is None


Answer = Callable[[str], tuple[int, bytes, dict[str, str]]]
TABLES = {"/v2/models": {"models": ["a", "b"]}, "/v2/models/a": {"platform": "tflite"}}


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """A server that answers a path as told; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, body, fields = answer(self.path)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **fields}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


REQUEST = Message([Named("image", np.zeros((1, 2), np.uint8))])


@pytest.mark.parametrize(
    ("status", "body", "fields", "told"),
    [
        (400, b'{"error": "inputs.image: no"}', {}, "400: inputs.image: no"),
        (502, b"<h1>Bad\x1b[31m gateway</h1>", {}, r"502: <h1>Bad \[31m gateway"),
        (200, b"hello", {}, "the answer is no message"),
        (200, b'{"outputs": []}', {HEADER: "999"}, "999 is not 2 to 15"),
    ],
)
def test_what_a_server_says_that_cannot_be_used_is_said(
    status: int, body: bytes, fields: dict[str, str], told: str
) -> None:
    with serving(lambda _: (status, body, fields)) as url:
        server = Server(url)
        with pytest.raises(ServingError, match=told):
            server.infer("a", REQUEST)
        server.close()


def test_an_unknown_model_is_said_with_those_there_are() -> None:
    with serving(lambda path: (200, json.dumps(TABLES[path]).encode(), {})) as url:
        server = Server(url)
        assert server.metadata("a") == {"platform": "tflite"}
        with pytest.raises(ServingError, match="serves no model 'c'; there are a, b"):
            server.metadata("c")
        server.close()


def test_a_page_that_is_no_model_server_is_said() -> None:
    with serving(lambda _: (200, b"<html>", {})) as url:
        server = Server(url)
        with pytest.raises(ServingError, match="/v2/models: the answer is not JSON"):
            server.metadata("a")
        server.close()


@pytest.mark.parametrize(
    "url", ["ftp://x", "http://", "127.0.0.1:8080", "http://a@b", "http://a:x", "http://a"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="--server"):
        Server(url)


def test_a_server_that_is_not_there_is_said_before_a_model_is_loaded(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    assert main(["models", "compare", "coco16-320", "nowhere.mp4", "--server", url]) == 69
    said = capsys.readouterr().err
    assert f"{url}: no model server answers" in said
    assert "edgeagent models serve BUNDLE" in said


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["serve", "coco16-320", "--port", "70000"], "--port 70000: must be 0 to 65535"),
        (["serve", "coco16-320", "--body-mb", "0"], "--body-mb 0: must be 1 to 1024"),
        (["compare", "x", "y", "--server", "http://a", "--least", "2"], "--least 2: must be"),
        (["compare", "x", "y", "--server", "http://a", "--every", "0"], "--every 0: must be"),
    ],
)
def test_a_measure_out_of_bounds_is_refused(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", *words]) == 64
    assert told in capsys.readouterr().err


def test_a_cluster_is_told_the_bundle_by_its_digest(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--yaml", "--image", "registry/x:1", "--storage", "s3://models/coco16-320"]
    assert main(["models", "serve", "coco16-320", *words]) == 0
    said = capsys.readouterr().out
    bundle = find_bundle("coco16-320", [bundles_folder()])
    assert said == inference_service(bundle, "registry/x:1", "s3://models/coco16-320")
    assert bundle.some_file.sha256 in said
