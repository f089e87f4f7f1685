"""Who may ask the page for what. GET and POST, nothing after a ?, and a token said once."""

import math
from http import HTTPStatus
from urllib.parse import urlsplit

from tornado.web import HTTPError, RequestHandler

from edgeagent.page.house import House

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""What a browser may do for the page: fetch from where the page came, and nothing else."""
HEADERS = {
    "Server": "edgeagent",
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Answer(RequestHandler):
    """One request. Only what says `is_open` is answered to strangers."""

    SUPPORTED_METHODS = ("GET", "POST")
    is_open = False

    def initialize(self, house: House) -> None:
        """Take the house."""
        self.house = house

    def set_default_headers(self) -> None:
        """See `RequestHandler`; for errors, too."""
        for name, value in HEADERS.items():
            self.set_header(name, value)

    def prepare(self) -> None:
        """Refuse what no browser of the owner's would ask."""
        host = self.request.headers.get("Host", "")
        if not self.house.hosts.allows(host):
            raise HTTPError(403, f"{host!r} is no name of this device; see page.hosts")
        if self.request.query:
            raise HTTPError(400, "nothing is asked after a ?: a token there would be kept")
        self._refuse_strangers(host)
        if not self.is_open and not self.is_known():
            self.keep_out()

    def _refuse_strangers(self, host: str) -> None:
        headers = self.request.headers
        origin = headers.get("Origin")
        if origin and _place(origin) != host.lower():
            raise HTTPError(403, "another page asks")
        site, mode = headers.get("Sec-Fetch-Site", "none"), headers.get("Sec-Fetch-Mode")
        visits = self.request.method == "GET" and mode == "navigate"
        if site not in ("none", "same-origin") and not visits:
            raise HTTPError(403, "another page asks")

    def is_known(self) -> bool:
        """Return whether the asker has a session, or says the token in a header.

        Raises:
            HTTPError: he said a wrong one, or has said too many.
        """
        kind, _, said = self.request.headers.get("Authorization", "").partition(" ")
        if kind.lower() == "bearer":
            self.try_token(said)
            return True
        secret = self.get_cookie(self.house.cookie)
        return bool(secret) and self.house.sessions.knows(secret or "")

    def keep_out(self) -> None:
        """Answer one who may not ask."""
        raise HTTPError(401, "say the token first: edgeagent page")

    def try_token(self, said: str) -> None:
        """Return if ``said`` is the token.

        Raises:
            HTTPError: 401, it is not; 429, nobody looks at it yet, for too many were wrong.
        """
        tries, address = self.house.tries, self.request.remote_ip or ""
        pause_s = tries.pause_s(address)
        if pause_s > 0:
            self.pause_s = math.ceil(pause_s)
            raise HTTPError(429, f"too many wrong tokens; again in {self.pause_s} s")
        if not self.house.token.is_said_by(said):
            tries.wrong(address)
            raise HTTPError(401, "that is not the token; edgeagent page prints it")
        tries.right(address)

    pause_s = 0

    def write_error(self, status_code: int, **kwargs: object) -> None:
        """Answer in a line of plain text."""
        error = (kwargs.get("exc_info") or (None, None))[1]  # type: ignore[index]
        said = error.log_message if isinstance(error, HTTPError) else ""
        if self.pause_s:
            self.set_header("Retry-After", str(self.pause_s))
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{status_code} {said or HTTPStatus(status_code).phrase}\n")


def _place(origin: str) -> str:
    """Return host and port of an Origin header, "" where there is none in it."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
