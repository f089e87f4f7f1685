"""The model server itself, one start, in a network namespace; KServe's own client and types."""

import asyncio
import http.client
import importlib.util
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgeagent.decode.golden import goldens
from edgeagent.errors import (
    ServingError,
)
from edgeagent.model import bundles_folder, find_bundle
from edgeagent.serving.client import Server
from edgeagent.serving.protocol import Message, Named
from edgeagent.serving.service import inference_service
from edgeagent.serving.terms import heard

from .alone import Alone
from .colours import Made

BUNDLE = find_bundle("coco16-320", [bundles_folder()])
GOLDEN = goldens(BUNDLE)[0]
PORT = 8080
URL = f"http://127.0.0.1:{PORT}"
PROGRAM = [sys.executable, "-m", "edgeagent"]

needs_kserve = pytest.mark.skipif(
    importlib.util.find_spec("kserve") is None, reason="needs kserve: scripts/test workshop"
)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, made: Made) -> Iterator[Alone]:
    """A server of the detector, and of a model of two colours with its float twin."""
    if os.geteuid() != 0:
        pytest.skip("needs root: a network namespace is made")
    folder = tmp_path_factory.mktemp("serving")
    colours = str(made.bundle(folder / "bundles"))
    words = ["models", "serve", colours, "coco16-320", "--port", str(PORT), "--body-mb", "2"]
    twin = ["--float", str(keras_of(made))]
    server = Alone([*PROGRAM, *words, *twin], folder / "log")
    try:
        server.wait_for("Application startup complete")
        yield server
    finally:
        server.stop()


def keras_of(made: Made) -> Path:
    """The net that the model of two colours was made from."""
    return made.model.parent / "k" / "model.keras"


def program(*words: str) -> "subprocess.CompletedProcess[str]":
    """Run the command line."""
    command = [*PROGRAM, *words]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)


def ask(method: str, path: str, body: bytes = b"", **fields: str) -> tuple[int, Any]:
    """Return the status and the JSON of the server's answer."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    connection.request(
        method, path, body, {name.replace("_", "-"): v for name, v in fields.items()}
    )
    answer = connection.getresponse()
    told = json.loads(answer.read())
    connection.close()
    return answer.status, told


@needs_kserve
def test_it_listens_where_it_was_told_and_nowhere_else(alone: Alone) -> None:
    rows = alone.inside(lambda: Path("/proc/thread-self/net/tcp").read_text()).splitlines()[1:]
    listening = [row.split()[1] for row in rows if row.split()[3] == "0A"]
    assert listening == [f"0100007F:{PORT:04X}"]


@needs_kserve
def test_metadata_are_the_manifests(alone: Alone) -> None:
    def look() -> tuple[list[str], dict[str, Any], tuple[int, Any]]:
        server = Server(URL)
        told = server.models(), server.metadata("coco16-320")
        server.close()
        return *told, ask("GET", "/v2/models/coco16-320/ready")

    models, told, ready = alone.inside(look)
    status, twin = alone.inside(lambda: ask("GET", "/v2/models/colours-float"))
    assert (status, twin["platform"]) == (200, "keras")
    assert models == ["colours", "coco16-320", "colours-float"]
    assert told["inputs"] == [{"name": "image", "datatype": "UINT8", "shape": [1, 320, 320, 3]}]
    assert (told["platform"], told["versions"]) == ("tflite", [BUNDLE.version])
    assert ready == (200, {"name": "coco16-320", "ready": True})


@needs_kserve
@pytest.mark.parametrize(("sent", "least"), [("image", 307_200), ("picture", 307_248)])
def test_device_and_cloud_say_the_same_of_the_same_frames(
    alone: Alone, tmp_path: Path, sent: str, least: int
) -> None:
    for golden in goldens(BUNDLE):
        cv2.imwrite(str(tmp_path / f"{golden.name}.png"), golden.image[0, :, :, ::-1])
    words = ["models", "compare", "coco16-320", str(tmp_path), "--server", URL, "--send", sent]
    done = alone.inside(lambda: program(*words, "--least", "1", "--json"))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["frames"], found["agreement"], found["score_absolute"]) == (2, 1.0, 0.0)
    assert found["device"] == found["cloud"] == found["matched"] > 0
    assert least < found["sent_bytes"] < least + 1000


@needs_kserve
def test_kserves_own_client_hears_the_same_in_json_and_in_bytes(alone: Alone) -> None:
    from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

    async def infer(binary: bool) -> Any:  # noqa: ANN401
        client = InferenceRESTClient(RESTConfig(protocol="v2", timeout=60))
        image = InferInput("image", list(GOLDEN.image.shape), "UINT8")
        image.set_data_from_numpy(GOLDEN.image, binary_data=binary)
        asked = {"binary_data_output": binary, "threshold": 0.3}
        request = InferRequest("coco16-320", [image], parameters=asked)
        try:
            return await client.infer(URL, request, model_name="coco16-320")
        finally:
            await client.close()

    server = Server(URL)
    asked = Message([Named("image", GOLDEN.image)], {"threshold": 0.3})
    wanted = heard(alone.inside(lambda: server.infer("coco16-320", asked)), "detect")
    server.close()
    assert wanted
    for binary in (False, True):
        answer = alone.inside(lambda binary=binary: asyncio.run(infer(binary)))  # type: ignore[misc]
        scores = answer.get_output_by_name("scores").as_numpy()
        assert scores == pytest.approx([one.score for one in wanted])  # type: ignore[union-attr]
        assert answer.parameters["model"] == BUNDLE.some_file.digest8


def tensor(**more: object) -> bytes:
    one = {"name": "image", "shape": [1, 320, 320, 3], "datatype": "UINT8", "data": [0, 1]} | more
    return json.dumps({"inputs": [one]}).encode()


INFER = "/v2/models/coco16-320/infer"
JSON = {"Content_Type": "application/json"}
LENGTH = "Inference_Header_Content_Length"
RAW = {"Content_Type": "application/octet-stream"}


@needs_kserve
@pytest.mark.parametrize(
    ("method", "path", "body", "fields", "status", "told"),
    [
        ("GET", "/v2/models/nope", b"", {}, 404, "Model with name nope does not exist"),
        ("POST", "/v2/models/nope/infer", tensor(), JSON, 404, "Model with name nope"),
        ("POST", INFER, tensor(shape=[1, 1, 2, 1]), JSON, 400, "is not [1, 320, 320, 3]"),
        ("POST", INFER, tensor(), JSON, 400, "has 2 values, its shape"),
        ("POST", INFER, tensor(datatype="FP64"), JSON, 400, "'FP64' is none of UINT8"),
        ("POST", INFER, tensor(shape=[2], name="x"), JSON, 400, "inputs: x; give image"),
        ("POST", INFER, b'{"inputs":', JSON, 422, "JSON"),
        ("POST", INFER, b"rubbish", RAW, 400, "is no number of bytes"),
        ("POST", INFER, b"rubbish", {**RAW, LENGTH: "7"}, 400, "is no message"),
        ("POST", INFER, b"x", {"Content_Length": "99999999"}, 413, "at most 2097152 are read"),
        ("POST", "/v2/repository/models/coco16-320/unload", b"", {}, 403, "chosen when the server"),
        ("POST", "/v1/models/coco16-320:predict", b'{"instances": []}', JSON, 400, "speaks v2"),
    ],
)  # fmt: skip
def test_what_will_not_do_is_refused_in_words(
    alone: Alone,
    method: str,
    path: str,
    body: bytes,
    fields: dict[str, str],
    status: int,
    told: str,
) -> None:
    got, said = alone.inside(lambda: ask(method, path, body, **fields))
    assert (got, told in json.dumps(said, ensure_ascii=False)) == (status, True), said


@needs_kserve
def test_who_sends_too_much_is_told_so_and_not_cut_off(alone: Alone) -> None:
    large = Message([Named("picture", np.zeros((2160, 3840, 3), np.uint8))])

    def send() -> None:
        server = Server(URL)
        try:
            server.infer("coco16-320", large)
        finally:
            server.close()

    for _ in range(5):
        with pytest.raises(ServingError, match="413: the body has 24883"):
            alone.inside(send)


@needs_kserve
def test_a_body_of_no_length_is_refused_and_a_taken_port_is_said(alone: Alone) -> None:
    def chunked() -> bytes:
        with socket.create_connection(("127.0.0.1", PORT), 60) as wire:
            wire.sendall(
                f"POST {INFER} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
            )
            return wire.recv(100)

    assert b" 411 " in alone.inside(chunked)
    done = alone.inside(lambda: program("models", "serve", "embed88-128", "--port", str(PORT)))
    assert done.returncode == ServingError.exit_status
    assert f"--port {PORT}: cannot be listened on: Address already in use" in done.stderr


@needs_kserve
def test_what_was_refused_is_one_line_in_the_log(alone: Alone) -> None:
    alone.inside(lambda: ask("POST", INFER, tensor(), **JSON))
    alone.wait_for("InvalidInput: ")
    assert "Traceback" not in alone.log.read_text()


@needs_kserve
def test_what_a_cluster_is_told_is_of_kserves_own_types() -> None:
    import yaml

    text = inference_service(BUNDLE, "registry/serve:1", "pvc://bundles/coco16-320")
    runtime, service = yaml.safe_load_all(text)
    assert strangers(runtime, "V1alpha1ServingRuntime") == []
    assert strangers(service, "V1beta1InferenceService") == []
    service["spec"]["predictor"]["model"]["modelformat"] = {}
    assert strangers(service, "V1beta1InferenceService") == ["spec.predictor.model.modelformat"]


def strangers(told: Any, kind: str, where: str = "") -> list[str]:  # noqa: ANN401
    """Return what in ``told`` the type ``kind``, of KServe or of Kubernetes, does not know."""
    import kserve
    from kubernetes import client

    if inner := re.fullmatch(r"list\[(.*)\]", kind):
        return [path for one in told for path in strangers(one, inner[1], where)]
    typed = getattr(kserve, kind, getattr(client, kind, None))
    if not isinstance(told, dict) or typed is None:
        return []
    known = {key: typed.openapi_types[name] for name, key in typed.attribute_map.items()}
    paths = {key: f"{where}.{key}".lstrip(".") for key in told}
    lost = [path for key, path in paths.items() if key not in known]
    for key in told.keys() & known.keys():
        lost += strangers(told[key], known[key], paths[key])
    return lost
