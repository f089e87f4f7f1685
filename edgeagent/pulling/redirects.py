"""Follows a server only to where might have been asked in the first place."""

import urllib.request
from collections.abc import Callable
from email.message import Message
from typing import IO

from edgeagent.errors import DownloadError, UsageError


class Redirects(urllib.request.HTTPRedirectHandler):
    """What an opener does when it is sent elsewhere."""

    def __init__(self, check: Callable[[str], None]) -> None:
        self._check = check

    def redirect_request(  # noqa: PLR0913, RUF100
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message,
        newurl: str,
    ) -> urllib.request.Request | None:  # fmt: skip
        """Return the next request; a token is not taken along.

        Raises:
            DownloadError: it leads to where is not to be asked.
        """
        # What stands beside a redirect would be read whole, however long: nobody wants it.
        fp.close()
        try:
            self._check(newurl)
        except UsageError as error:
            raise DownloadError(f"{req.full_url}: leads to {error}") from error
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]
