"""The server: KServe's own, with our models in it; the only import of kserve.

Its ``ModelServer.start`` listens on every address of the machine whatever it is told, so its parts
are put together here on a socket of our own. Its way into unpacking bytes becomes lists of numbers
first and is stepped round: 1.7 s for a 1080p picture, 0.1 ms so.
"""

import asyncio
import logging
import socket
import warnings
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import kserve
from kserve.errors import InferenceError, InvalidInput
from kserve.model_server import app
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.infer_type import (
    InferInput,
    InferOutput,
    InferRequest,
    InferResponse,
    RequestedOutput,
)
from kserve.protocol.rest.server import RESTServer

from edgeagent.errors import AcceleratorError, ServingError
from edgeagent.serving.answering import Served
from edgeagent.serving.protocol import HEADER, MalformedError, Message, Named, array_of, unpack

_APP = "kserve.model_server:app"
_GRACE_S = 5

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def serve(models: Sequence[Served], host: str, port: int, body_bytes: int) -> None:
    """Answer until SIGTERM or SIGINT.

    Args:
        models: what to serve.
        host: address to listen on.
        port: its port; 0 for any that is free.
        body_bytes: longest request that is read.

    Raises:
        ServingError: the address cannot be listened on.
    """
    listening = _listen(host, port)
    server = kserve.ModelServer(workers=1, enable_grpc=False, enable_latency_logging=False)
    for model in models:
        server.register_model(_Model(model))
    plane = _Plane(model_registry=server.registered_models)
    rest = RESTServer(_APP, plane, server.model_repository_extension, port, grace_period=_GRACE_S)
    app.add_middleware(_Guard, body_bytes=body_bytes)
    _hush()
    at = "http://{}:{}".format(*listening.getsockname()[:2])
    print(f"serving {', '.join(model.name for model in models)} at {at}", flush=True)
    rest.run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ServingError(
            f"--host {host} --port {port}: cannot be listened on: {error.strerror or error}"
        ) from error


def _hush() -> None:
    """Leave out what is said of every request: ``/metrics`` counts them."""
    for name in ("kserve.trace", "uvicorn.access"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("kserve").addFilter(_brief)
    # FastAPI's, of how KServe asks it to encode.
    warnings.filterwarnings("ignore", ".*ORJSONResponse", Warning)


def _brief(record: logging.LogRecord) -> bool:
    """Say in one line what was refused: who sends nonsense does not fill the log with traces."""
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        record.msg, record.args = f"{type(error).__name__}: {error}", ()
        record.exc_info = None
    return True


class _Model(kserve.Model):  # type: ignore[misc]
    """A `Served` as KServe wants one."""

    def __init__(self, served: Served) -> None:
        super().__init__(served.name)
        self.served = served
        self.ready = True

    def get_input_types(self) -> list[dict[str, object]]:
        return self.served.inputs()

    def get_output_types(self) -> list[dict[str, object]]:
        return self.served.outputs()

    async def predict(self, payload: object, *_: object) -> Any:  # noqa: ANN401
        if not isinstance(payload, InferRequest):
            raise InvalidInput(f"this model speaks v2: POST /v2/models/{self.name}/infer")
        try:
            # In a thread: who asks whether the server is ready does not wait for the model.
            answer = await asyncio.to_thread(lambda: self.served.answer(_message(payload)))
        except MalformedError as error:
            raise InvalidInput(str(error)) from error
        except AcceleratorError as error:
            raise InferenceError(str(error)) from error
        return _response(payload, self.served, answer)


class _Plane(DataPlane):  # type: ignore[misc]
    """Between HTTP and the models."""

    async def model_metadata(self, model_name: str) -> dict[str, Any]:
        told: dict[str, Any] = await super().model_metadata(model_name)
        served = self.get_model_from_registry(model_name).served
        return told | {"platform": served.platform, "versions": [served.version]}

    def decode_inference_request(self, body: Any, headers: Any, model_name: str) -> Any:  # noqa: ANN401
        if not isinstance(body, bytes):
            return super().decode_inference_request(body, headers, model_name)
        length = headers.get(HEADER.lower(), "")
        if not length.isdecimal():
            raise InvalidInput(f"{HEADER}: {length!r} is no number of bytes")
        try:
            message = unpack(body, int(length), "inputs")
        except MalformedError as error:
            raise InvalidInput(str(error)) from error
        wanted = [RequestedOutput(name, {"binary_data": True}) for name in message.wanted]
        return InferRequest(
            model_name,
            [_input(one) for one in message.tensors],
            parameters=dict(message.parameters),
            request_outputs=wanted,
        )


class _Guard:
    """Refuses what nobody is to ask: bodies too long or of no length, and to take models away."""

    def __init__(self, inner: App, body_bytes: int) -> None:
        self._inner, self._body_bytes = inner, body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        if refusal is None:
            await self._inner(scope, receive, send)
            return
        status, why = refusal
        body = f'{{"error":"{why}"}}'.encode()
        # Not "connection: close": the rest of the body is let through unread, so that whoever is
        # still sending it hears the answer instead of a broken pipe.
        fields = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": fields})
        await send({"type": "http.response.body", "body": body})

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        if scope["path"].startswith("/v2/repository"):
            return 403, "models are chosen when the server is started"
        if scope["method"] != "POST":
            return None
        length = dict(scope["headers"]).get(b"content-length", b"").decode("latin-1")
        if not length.isdecimal():
            return 411, "say how long the body is: Content-Length"
        if int(length) > self._body_bytes:
            return 413, f"the body has {length} bytes, at most {self._body_bytes} are read"
        return None


def _input(one: Named) -> Any:  # noqa: ANN401
    return InferInput(one.name, list(one.array.shape), one.datatype, one.array, one.parameters)


def _message(request: Any) -> Message:  # noqa: ANN401
    """Return KServe's request as ours."""
    tensors = [
        Named(one.name, array_of(f"inputs.{one.name}", one.datatype, one.shape, one.data))
        for one in request.inputs
    ]
    parameters = dict(request.parameters or {})
    parameters.pop("binary_data_output", None)
    return Message(tensors, parameters, [one.name for one in request.request_outputs or ()])


def _response(request: Any, served: Served, answer: Message) -> Any:  # noqa: ANN401
    outputs = [
        InferOutput(one.name, list(one.array.shape), one.datatype, one.array, dict(one.parameters))
        for one in answer.tensors
    ]
    return InferResponse(
        request.id or "",
        served.name,
        outputs,
        model_version=served.version,
        parameters=dict(answer.parameters),
        use_binary_outputs=request.use_binary_outputs,
        requested_outputs=request.request_outputs or None,
    )
