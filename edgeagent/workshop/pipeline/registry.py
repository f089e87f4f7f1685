"""Where models go out: packs under their digests, and one index that is replaced whole.

A registry is a folder, or a server of HTTPS that takes PUT: any store of objects does. ::

    index.json            what there is, newest last
    sha256/<digest>       a pack, or the report of its evaluation
"""

import fcntl
import hashlib
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from edgeagent.atomic import write_whole
from edgeagent.credentials import Secret, read_secret
from edgeagent.errors import DownloadError, UsageError
from edgeagent.pulling.published import INDEX, PACKS, SCHEMA

PATIENCE_S = 30.0
MOST_BYTES = 1 << 28

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

Tag = str | None
"""By which an index is known to be the one that was read; None: there was none."""


class TakenError(Exception):
    """Somebody else wrote the index in between."""


class Registry(Protocol):
    """Keeps bytes under their digests, and an index."""

    def get(self, digest: str) -> bytes:
        """Return what has this digest.

        Raises:
            DownloadError: it cannot be had, or is something else.
        """
        ...

    def put(self, digest: str, data: bytes) -> None:
        """Keep ``data``; nothing happens where it is there.

        Raises:
            DownloadError: it cannot be kept.
        """
        ...

    def read_index(self) -> tuple[bytes, Tag]:
        """Return the index, ``b""`` where there is none."""
        ...

    def replace_index(self, data: bytes, tag: Tag) -> None:
        """Replace the index whole, if it is still the one of ``tag``.

        Raises:
            TakenError: it is not.
            DownloadError: it cannot be written.
        """
        ...


def open_registry(where: str, token: str = "", ca: Path | None = None) -> Registry:
    """Return the registry at ``where``.

    Args:
        where: a folder, which is made, or ``https://HOST/PATH``; ``http`` to this host alone.
        token: a file with what to say after ``Bearer``; "" says nothing.
        ca: certificates to trust; None: the system's.

    Raises:
        UsageError: it is neither.
        CredentialError: the token cannot be read.
    """
    if "://" not in where:
        return Folder(Path(where))
    parts = urlsplit(where)
    if parts.scheme not in ("https", "http") or not parts.hostname or "@" in parts.netloc:
        raise UsageError(f"{where}: is no registry; give a folder, or https://HOST/PATH")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise UsageError(f"{where}: is not encrypted; give https://")
    trust = ssl.create_default_context(cafile=str(ca) if ca else None)
    return Server(where.rstrip("/"), read_secret(token), trust)


@dataclass(frozen=True, slots=True)
class Folder:
    """A registry on a disk, which may be shared."""

    root: Path

    def get(self, digest: str) -> bytes:
        """See `Registry.get`."""
        path = self.root / PACKS / digest
        try:
            data = path.read_bytes()
        except OSError as error:
            raise DownloadError(f"{path}: {error.strerror}") from error
        return _known(data, digest, path)

    def put(self, digest: str, data: bytes) -> None:
        """See `Registry.put`."""
        path = self.root / PACKS / digest
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.is_file():
                write_whole(path, data)
        except OSError as error:
            raise DownloadError(f"{path}: {error.strerror}") from error

    def read_index(self) -> tuple[bytes, Tag]:
        """See `Registry.read_index`."""
        path = self.root / INDEX
        data = path.read_bytes() if path.is_file() else b""
        return data, _tag(data)

    def replace_index(self, data: bytes, tag: Tag) -> None:
        """See `Registry.replace_index`."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with _alone(self.root / ".lock"):
                if self.read_index()[1] != tag:
                    raise TakenError
                write_whole(self.root / INDEX, data)
        except OSError as error:
            raise DownloadError(f"{self.root}: {error.strerror}") from error


def _tag(data: bytes) -> Tag:
    return hashlib.sha256(data).hexdigest() if data else None


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _known(data: bytes, digest: str, where: object) -> bytes:
    found = hashlib.sha256(data).hexdigest()
    if found != digest:
        raise DownloadError(f"{where}: has the sha256 {found}; it was spoilt or exchanged")
    return data


@dataclass(frozen=True, slots=True)
class Server:
    """A registry behind HTTPS: GET, HEAD and PUT, with ``If-Match`` on the index (RFC 9110)."""

    base: str
    token: Secret
    trust: ssl.SSLContext

    def get(self, digest: str) -> bytes:
        """See `Registry.get`."""
        url = f"{self.base}/{PACKS}/{digest}"
        status, data, _ = self._ask("GET", url)
        if status != 200:
            raise DownloadError(f"{url}: answered {status}")
        return _known(data, digest, url)

    def put(self, digest: str, data: bytes) -> None:
        """See `Registry.put`."""
        url = f"{self.base}/{PACKS}/{digest}"
        if self._ask("HEAD", url)[0] == 200:
            return
        status, _, _ = self._ask("PUT", url, data)
        if status not in (200, 201, 204):
            raise DownloadError(f"{url}: answered {status}; may this token write there?")

    def read_index(self) -> tuple[bytes, Tag]:
        """See `Registry.read_index`."""
        url = f"{self.base}/{INDEX}"
        status, data, headers = self._ask("GET", url)
        if status == 404:
            return b"", None
        tag = headers.get("ETag")
        if status != 200 or not tag:
            raise DownloadError(f"{url}: answered {status}{'' if tag else ' without an ETag'}")
        return data, tag

    def replace_index(self, data: bytes, tag: Tag) -> None:
        """See `Registry.replace_index`."""
        url = f"{self.base}/{INDEX}"
        given = {"If-Match": tag} if tag else {"If-None-Match": "*"}
        status, _, _ = self._ask("PUT", url, data, given)
        if status == 412:
            raise TakenError
        if status not in (200, 201, 204):
            raise DownloadError(f"{url}: answered {status}; may this token write there?")

    def _ask(
        self, method: str, url: str, data: bytes | None = None, given: Mapping[str, str] = {}
    ) -> tuple[int, bytes, Message]:
        headers = {"Content-Type": "application/octet-stream", **given} if data else dict(given)
        if token := self.token.reveal():
            headers["Authorization"] = f"Bearer {token}"
        asked = urllib.request.Request(url, data, headers, method=method)  # noqa: S310
        opener = urllib.request.build_opener(_Stay, urllib.request.HTTPSHandler(context=self.trust))
        try:
            with opener.open(asked, timeout=PATIENCE_S) as answer:
                return answer.status, answer.read(MOST_BYTES), answer.headers
        except urllib.error.HTTPError as error:
            with error:
                return error.code, b"", error.headers
        except OSError as error:
            raise DownloadError(f"{url}: {getattr(error, 'reason', error)}") from error


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows nowhere: a token is for the one server it was given for."""

    def redirect_request(self, *_: object) -> None:
        """Return nothing, so that the status is the answer."""


def entries(index: bytes) -> dict[str, Any]:
    """Return what an index says.

    Raises:
        DownloadError: it is no index.
    """
    if not index:
        return {"schema": SCHEMA, "models": {}}
    try:
        told: dict[str, Any] = json.loads(index)
        if told["schema"] != SCHEMA:
            raise ValueError(told["schema"])
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise DownloadError(f"{INDEX}: is no index of a registry ({error!r})") from error
    return told
