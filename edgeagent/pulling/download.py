"""Fetches one file over HTTPS: goes on where it was cut, and believes only the digest."""

import errno
import fcntl
import http.client
import os
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import Message
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from edgeagent import __version__
from edgeagent.errors import DownloadError, UsageError
from edgeagent.pulling.catalogue import RemoteFile
from edgeagent.pulling.verify import fault_of

MOST_BYTES = 1 << 28
"""Most that is taken of a file whose size is not known."""

_CHUNK_BYTES = 65536
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP statuses that may be gone the next time (RFC 9110, RFC 6585)."""

_OURS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG})
"""What only the disk here says."""


Progress = Callable[[str, int, int], None]
"""Hears a file's name, how many bytes of it are there, and of how many (0: not known)."""


class _CutError(Exception):
    """It ended too early, and may go on the next time."""


class Fetcher:
    """Downloads files; one may be used for many."""

    def __init__(
        self,
        progress: Progress,
        plain_http: bool = False,
        patience_s: float = 20.0,
        pause_s: float = 1.0,
        tries: int = 5,
    ) -> None:
        """Keep how patient to be.

        Args:
            progress: hears how far it is.
            plain_http: whether http:// is allowed to hosts other than this one.
            patience_s: a server silent for so long is hung up on.
            pause_s: wait before another try, doubled each time.
            tries: how often a download may be taken up again before it is given up.
        """
        self._progress = progress
        self._plain_http = plain_http
        self._patience_s = patience_s
        self._pause_s = pause_s
        self._tries = tries
        self._opener = urllib.request.build_opener(_Redirects(self.check))

    def check(self, url: str) -> None:
        """Refuse an address that is not to be asked.

        Raises:
            UsageError: it is not https, nor http to this host or by leave.
        """
        parts = urlsplit(url)
        plain = self._plain_http or parts.hostname in _LOOPBACK
        if parts.scheme not in ("https", "http") or not parts.hostname or "@" in parts.netloc:
            raise UsageError(
                f"{url}: is not the address of a mirror; give https://HOST/FOLDER, or a folder"
            )
        if parts.scheme == "http" and not plain:
            raise UsageError(f"{url}: is not encrypted; give https://, or allow it with --http")

    def fetch(self, url: str, file: RemoteFile, into: Path) -> None:
        """Put the file at ``url`` into ``into``; what has come so far stands beside it as .part.

        Raises:
            UsageError: the address is not to be asked.
            DownloadError: it did not come whole, or is not ``file``.
        """
        self.check(url)
        part = into.with_name(f"{into.name}.part")
        with _opened(part) as begun:
            resumed = begun.seek(0, os.SEEK_END) > 0
            self._fill(url, file, begun)
            fault = fault_of(part, file)
            if fault and resumed:
                # What was there may have been of another file.
                begun.truncate(0)
                self._fill(url, file, begun)
                fault = fault_of(part, file)
            if fault:
                part.unlink()
                raise DownloadError(
                    f"{url}: {fault}; it is another file, and was thrown away: try another mirror"
                )
            part.replace(into)

    def _fill(self, url: str, file: RemoteFile, begun: IO[bytes]) -> None:
        failed, why = 0, ""
        while failed < self._tries:
            had_bytes = begun.seek(0, os.SEEK_END)
            try:
                return self._once(url, file, begun)
            except _CutError as error:
                why = str(error)
            kept_bytes = begun.seek(0, os.SEEK_END)
            failed = 0 if kept_bytes - had_bytes >= _CHUNK_BYTES else failed + 1
            time.sleep(self._pause_s * 2**failed)
        raise DownloadError(
            f"{url}: {why}, {failed} times; {kept_bytes:,} bytes are kept: run it again and "
            "it goes on from there"
        )

    def _once(self, url: str, file: RemoteFile, begun: IO[bytes]) -> None:
        have_bytes = begun.seek(0, os.SEEK_END)
        if file.size_bytes and have_bytes == file.size_bytes:
            return
        headers = {"User-Agent": f"edgeagent/{__version__}"}
        if have_bytes:
            headers["Range"] = f"bytes={have_bytes}-"
        request = urllib.request.Request(url, headers=headers)  # noqa: S310
        try:
            with self._opener.open(request, timeout=self._patience_s) as response:
                self._receive(response, file, begun, url)
        except urllib.error.HTTPError as error:
            _refused(error, url, begun)
        except (OSError, http.client.HTTPException) as error:
            _failed(error, url, self._patience_s)

    def _receive(self, response: Any, file: RemoteFile, begun: IO[bytes], url: str) -> None:  # noqa: ANN401
        have_bytes, whole_bytes = _position(response, begun)
        if file.size_bytes and whole_bytes not in (0, file.size_bytes):
            raise DownloadError(
                f"{url}: has {whole_bytes:,} bytes, the catalogue says {file.size_bytes:,}; it is "
                "another file: try another mirror"
            )
        whole_bytes = whole_bytes or file.size_bytes
        most_bytes = whole_bytes or MOST_BYTES
        while chunk := response.read1(_CHUNK_BYTES):
            have_bytes += len(chunk)
            if have_bytes > most_bytes:
                begun.truncate(0)
                raise DownloadError(
                    f"{url}: goes on after {most_bytes:,} bytes; try another mirror"
                )
            begun.write(chunk)
            self._progress(file.name, have_bytes, whole_bytes)
        if have_bytes < whole_bytes:
            raise _CutError(f"was cut after {have_bytes:,} of {whole_bytes:,} bytes")


def _position(response: Any, begun: IO[bytes]) -> tuple[int, int]:  # noqa: ANN401
    """Return how much of the file is before what comes now, and its whole size, 0 if not told."""
    have_bytes = begun.seek(0, os.SEEK_END)
    if response.status == 206:
        told = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if told and int(told[1]) == have_bytes:
            return have_bytes, int(told[2]) if told[2] != "*" else 0
        begun.truncate(0)
        raise _CutError("gave another part than was asked for")
    begun.truncate(0)
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() else 0


def _refused(error: urllib.error.HTTPError, url: str, begun: IO[bytes]) -> None:
    with error:
        if error.code == 416:
            begun.truncate(0)
            raise _CutError("has no more than what was here")
        if error.code in _PASSING:
            raise _CutError(f"answered {error.code} {error.reason}")
        raise DownloadError(
            f"{url}: answered {error.code} {error.reason}; try another mirror, --from"
        ) from error


def _failed(error: Exception, url: str, patience_s: float) -> None:
    if isinstance(error, DownloadError) or getattr(error, "errno", None) in _OURS:
        raise error
    reason = getattr(error, "reason", error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        raise DownloadError(
            f"{url}: its certificate is not trusted ({reason.verify_message}); is the clock right?"
        ) from error
    if isinstance(reason, TimeoutError):
        raise _CutError(f"was silent for {patience_s:g} s") from error
    raise _CutError(f"failed ({reason or type(reason).__name__})") from error


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows only to where might have been asked in the first place."""

    def __init__(self, check: Callable[[str], None]) -> None:
        self._check = check

    def redirect_request(  # noqa: PLR0913, RUF100
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message,
        newurl: str,
    ) -> urllib.request.Request | None:  # fmt: skip
        try:
            self._check(newurl)
        except UsageError as error:
            fp.close()
            raise DownloadError(f"{req.full_url}: leads to {error}") from error
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


@contextmanager
def _opened(part: Path) -> Iterator[IO[bytes]]:
    """Open what has come so far, for appending, and keep others from it."""
    try:
        with part.open("ab", buffering=0) as begun:
            fcntl.flock(begun, fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                yield begun
            finally:
                if not os.fstat(begun.fileno()).st_size:
                    part.unlink(missing_ok=True)
    except BlockingIOError as error:
        raise DownloadError(f"{part}: another pull is at it; wait for it") from error
    except OSError as error:
        if isinstance(error, DownloadError):
            raise
        raise DownloadError(f"{part}: cannot be written ({error.strerror}); make room") from error
