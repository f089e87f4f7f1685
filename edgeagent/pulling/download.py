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
from contextlib import closing, contextmanager
from copy import copy
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any
from urllib.parse import urlsplit

from edgeagent import __version__
from edgeagent.credentials import NO_SECRET, Secret
from edgeagent.errors import DownloadError, UsageError
from edgeagent.pulling.catalogue import RemoteFile
from edgeagent.pulling.redirects import Redirects
from edgeagent.pulling.verify import fault_of

MOST_BYTES = 1 << 28
"""Most that is taken of a file, whatever is said of its size."""

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
        token: Secret = NO_SECRET,
        cure: str = "try another mirror, --from",
    ) -> None:
        """Keep how patient to be.

        Args:
            progress: hears how far it is.
            plain_http: whether http:// is allowed to hosts other than this one.
            patience_s: a server silent for so long is hung up on.
            pause_s: wait before another try, doubled each time.
            tries: how often a download may be taken up again before it is given up.
            token: said after ``Bearer`` to the host that is asked, and to none that it leads to.
            cure: what to do where a server has something else, or nothing.
        """
        self._progress = progress
        self._plain_http = plain_http
        self._patience_s = patience_s
        self._pause_s = pause_s
        self._tries = tries
        self._token = token
        self._cure = cure
        self._most_bytes = MOST_BYTES
        self._opener = urllib.request.build_opener(Redirects(self.check))

    def check(self, url: str) -> None:
        """Refuse an address that is not to be asked.

        Raises:
            UsageError: it is not https, nor http to this host or by leave.
        """
        try:
            parts = urlsplit(url)
        except ValueError as error:
            raise UsageError(f"{url}: is no address ({error})") from error
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
                    f"{url}: {fault}; it is another file, and was thrown away: {self._cure}"
                )
            part.replace(into)

    def read(self, url: str, most_bytes: int) -> bytes:
        """Return all that is at ``url``, of which no digest is known.

        Raises:
            UsageError: the address is not to be asked.
            DownloadError: it did not come whole, or is larger.
        """
        self.check(url)
        small = copy(self)
        small._most_bytes = most_bytes
        # Its end is where it is written, as in a .part.
        with TemporaryFile("a+b", buffering=0) as begun:
            small._fill(url, RemoteFile(url.rpartition("/")[2], ""), begun, keeps=False)
            begun.seek(0)
            return begun.read()

    def _fill(self, url: str, file: RemoteFile, begun: IO[bytes], keeps: bool = True) -> None:
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
        again = f"{kept_bytes:,} bytes are kept: run it again and it goes on from there"
        cure = again if keeps and kept_bytes else f"run it again later; {self._cure}"
        raise DownloadError(f"{url}: {why}, {failed} times; {cure}")

    def _once(self, url: str, file: RemoteFile, begun: IO[bytes]) -> None:
        have_bytes = begun.seek(0, os.SEEK_END)
        if file.size_bytes and have_bytes == file.size_bytes:
            return
        headers = {"User-Agent": f"edgeagent/{__version__}"}
        if have_bytes:
            headers["Range"] = f"bytes={have_bytes}-"
        request = urllib.request.Request(url, headers=headers)  # noqa: S310
        if token := self._token.reveal():
            request.add_unredirected_header("Authorization", f"Bearer {token}")
        try:
            with self._opener.open(request, timeout=self._patience_s) as response:
                self._receive(response, file, begun, url)
        except urllib.error.HTTPError as error:
            _refused(error, url, begun, self._cure)
        except (OSError, http.client.HTTPException) as error:
            _failed(error, url, self._patience_s)
        except (ValueError, OverflowError) as error:
            # Numbers beyond measure, and a Location that is no address.
            raise DownloadError(
                f"{url}: answered what cannot be read ({error}); try another mirror"
            ) from error

    def _receive(self, response: Any, file: RemoteFile, begun: IO[bytes], url: str) -> None:  # noqa: ANN401
        have_bytes, whole_bytes = _position(response, begun)
        if file.size_bytes and whole_bytes not in (0, file.size_bytes):
            raise DownloadError(
                f"{url}: has {whole_bytes:,} bytes, {file.size_bytes:,} are listed; it is "
                f"another file: {self._cure}"
            )
        whole_bytes = whole_bytes or file.size_bytes
        most_bytes = min(whole_bytes or self._most_bytes, self._most_bytes)
        if whole_bytes > most_bytes:
            raise DownloadError(
                f"{url}: has {whole_bytes:,} bytes, more than the {most_bytes:,} that are taken: "
                f"{self._cure}"
            )
        while chunk := response.read1(_CHUNK_BYTES):
            have_bytes += len(chunk)
            if have_bytes > most_bytes:
                begun.truncate(0)
                raise DownloadError(f"{url}: goes on after {most_bytes:,} bytes; {self._cure}")
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


def _refused(error: urllib.error.HTTPError, url: str, begun: IO[bytes], cure: str) -> None:
    with closing(error):
        if error.code == 416:
            begun.truncate(0)
            raise _CutError("has no more than what was here")
        if error.code in _PASSING:
            raise _CutError(f"answered {error.code} {error.reason}")
        raise DownloadError(f"{url}: answered {error.code} {error.reason}; {cure}") from error


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
