"""Asks a model server over HTTP, by the v2 protocol; nothing beyond the standard library."""

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from edgeagent.errors import ServingError, UsageError
from edgeagent.manifest import did_you_mean
from edgeagent.serving.protocol import HEADER, MalformedError, Message, pack, unpack

MOST_BYTES = 1 << 26
"""Longest answer that is read."""

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(slots=True)
class Bytes:
    """What went over the wire in bodies, not counting headers."""

    sent: int = 0
    received: int = 0


class Server:
    """A model server; one connection, opened when it is first asked. One thread's own."""

    def __init__(self, url: str, plain_http: bool = False, patience_s: float = 30.0) -> None:
        """Keep how to reach it.

        Args:
            url: where it is.
            plain_http: whether http:// is allowed to hosts other than this one.
            patience_s: a server silent for so long does not answer.

        Raises:
            UsageError: it is not https, nor http to this host or by leave.
        """
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError as error:
            raise UsageError(f"--server {url}: {error}") from error
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise UsageError(f"--server {url}: give https://HOST or http://127.0.0.1:PORT")
        if parts.scheme == "http" and not plain_http and parts.hostname not in _LOOPBACK:
            raise UsageError(
                f"--server {url}: pictures would go in the clear; give https://, or --plain-http"
            )
        kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
        self.url = url.rstrip("/")
        self._path = parts.path.rstrip("/")
        self._connection = kinds[parts.scheme](parts.hostname, port, timeout=patience_s)
        self.bytes = Bytes()

    def models(self) -> list[str]:
        """Return the names of the models it has.

        Raises:
            ServingError: it does not answer, or not as a v2 server.
        """
        return [str(name) for name in self._table("/v2/models").get("models", [])]

    def metadata(self, model: str) -> dict[str, Any]:
        """Return what it says of ``model``: inputs, outputs, platform, versions.

        Raises:
            ServingError: it does not answer, or has no such model; which it has.
        """
        known = self.models()
        if model not in known:
            raise ServingError(
                f"{self.url}: serves no model {model!r}{did_you_mean(model, known)}"
                if known
                else f"{self.url}: serves no model at all"
            )
        return self._table(f"/v2/models/{quote(model, safe='')}")

    def infer(self, model: str, request: Message) -> Message:
        """Ask ``model`` once.

        Raises:
            ServingError: it does not answer, or refuses; with its own words.
        """
        body, head_bytes = pack(request)
        fields = {"Content-Type": "application/octet-stream", HEADER: str(head_bytes)}
        path = f"/v2/models/{quote(model, safe='')}/infer"
        answer, length = self._ask("POST", path, body, fields)
        self.bytes.sent += len(body)
        self.bytes.received += len(answer)
        try:
            return unpack(answer, int(length) if length.isdecimal() else len(answer), "outputs")
        except MalformedError as error:
            raise ServingError(f"{self.url}{path}: the answer {error}") from error

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _table(self, path: str) -> dict[str, Any]:
        body, _ = self._ask("GET", path, b"", {})
        try:
            table = json.loads(body)
        except ValueError as error:
            raise ServingError(f"{self.url}{path}: the answer is not JSON: {error}") from error
        if not isinstance(table, dict):
            raise ServingError(f"{self.url}{path}: the answer is no JSON object")
        return table

    def _ask(
        self, method: str, path: str, body: bytes, fields: dict[str, str]
    ) -> tuple[bytes, str]:
        """Return the answer's body, and how much of it is JSON, "" where all of it is."""
        try:
            self._connection.request(method, self._path + path, body, fields)
            answer = self._connection.getresponse()
            told = answer.read(MOST_BYTES + 1)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            why = str(error) or type(error).__name__
            raise ServingError(
                f"{self.url}: no model server answers ({why}); is it started? "
                "edgeagent models serve BUNDLE"
            ) from error
        if len(told) > MOST_BYTES:
            self._connection.close()
            raise ServingError(f"{self.url}{path}: the answer is longer than {MOST_BYTES} bytes")
        if answer.status != 200:
            raise ServingError(f"{self.url}{path}: {answer.status}: {_why(told)}")
        return told, answer.headers.get(HEADER, "")


def _why(body: bytes) -> str:
    """Return what an answer says is wrong, in one printable line."""
    try:
        table = json.loads(body)
    except ValueError:
        table = None
    told = table.get("error", table) if isinstance(table, dict) else body[:200].decode("latin-1")
    return "".join(sign if sign.isprintable() else " " for sign in str(told))[:400]
