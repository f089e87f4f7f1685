"""What the page answers, path by path."""

import asyncio
import json

from tornado.iostream import IOStream
from tornado.web import HTTPError

from edgeagent.bulletin import healthz
from edgeagent.metrics import CONTENT_TYPE, exposition
from edgeagent.page.door import Door, Tube
from edgeagent.page.guard import Answer
from edgeagent.page.house import House
from edgeagent.page.sessions import WEEK_S

LOOPBACK = ("127.0.0.1", "::1", "::ffff:127.0.0.1")
"""Where programs on the device ask from, unless they mean to hide it."""
KINDS = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
SAID = b"<!-- said -->"
"""Where the sign-in page says what was wrong."""


class Page(Answer):
    """An answer that is a file, perhaps with a word put in."""

    def give(self, name: str, said: str = "") -> None:
        """Answer with a file, ``said`` in its place."""
        self.set_header("Content-Type", KINDS[name.rpartition(".")[2]])
        self.finish(self.house.files[name].replace(SAID, said.encode()))


class Nothing(Answer):
    """There is no such thing."""

    is_open = True

    def prepare(self) -> None:
        """See `Answer`."""
        super().prepare()
        raise HTTPError(404, "there is no such thing here")


class File(Page):
    """A style, a script, a drawing: the same for everybody."""

    is_open = True

    def get(self, name: str) -> None:
        """Give it; a browser that has it asks whether it is still the same."""
        if name not in self.house.files:
            raise HTTPError(404, "there is no such thing here")
        self.set_header("Cache-Control", "no-cache")
        self.give(name)


class Index(Page):
    """The page."""

    def get(self) -> None:
        """Give it."""
        self.give("index.html")

    def keep_out(self) -> None:
        """Send to the sign-in page."""
        self.redirect("/login", status=303)


class Login(Page):
    """Where the token is said, once."""

    is_open = True

    def get(self) -> None:
        """Give the form; one who is known needs none."""
        if self.is_known():
            self.redirect("/", status=303)
        else:
            self.give("login.html")

    def post(self) -> None:
        """Take the token, and give a session for it."""
        try:
            self.try_token(self.get_body_argument("token", ""))
        except HTTPError as error:
            self.set_status(error.status_code)
            if self.pause_s:
                self.set_header("Retry-After", str(self.pause_s))
            said = "Too many wrong tries." if self.pause_s else "That is not the token."
            wait = f" Try again in {self.pause_s} s." if self.pause_s else ""
            self.give("login.html", f"{said}{wait}")
            return
        self._remember(self.house.sessions.begin(), int(WEEK_S))
        self.redirect("/", status=303)

    def _remember(self, secret: str, max_age_s: int) -> None:
        self.set_cookie(
            self.house.cookie,
            secret,
            max_age=max_age_s,
            httponly=True,
            secure=bool(self.house.config.page.cert_file),
            samesite="Strict",
        )


class Logout(Login):
    """The end of a session."""

    def get(self) -> None:
        """Refuse: a link must not end anything."""
        raise HTTPError(405)

    def post(self) -> None:
        """End it."""
        self.house.sessions.end(self.get_cookie(self.house.cookie) or "")
        self._remember("", 0)
        self.redirect("/login", status=303)


class Session(Answer):
    """Whether the asker is known still."""

    def get(self) -> None:
        """Say so by the status alone."""
        self.set_status(204)


class Events(Answer):
    """What the page is told, for as long as it is open; server-sent events."""

    def initialize(self, house: House, door: Door) -> None:  # type: ignore[override]
        """Take the house, and its door."""
        super().initialize(house)
        self._door, self._tube, self._gone = door, None, asyncio.Event()

    _tube: Tube | None

    async def get(self) -> None:
        """Tell until the reader has gone."""
        if self.house.show.readers.is_full:
            self.pause_s = 10
            raise HTTPError(503, "too many watch already")
        stream: IOStream = self.request.connection.stream  # type: ignore[union-attr]
        self._door.keep(stream)
        self.set_header("Content-Type", "text/event-stream")
        self._tube = Tube(self, stream)
        self.house.show.join(self._tube)
        await self._gone.wait()

    def on_connection_close(self) -> None:
        """See `RequestHandler`."""
        if self._tube is not None:
            self.house.show.leave(self._tube)
        self._gone.set()


class Healthz(Answer):
    """Whether the agent does its work."""

    is_open = True

    def get(self) -> None:
        """Tell whether, and all but strangers from elsewhere also why not."""
        bulletin = self.house.feed.bulletin()
        status, body = healthz(bulletin)
        if self.request.remote_ip not in LOOPBACK and not self.is_known():
            body = json.dumps({"state": bulletin.level}).encode()
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.finish(body)


class Metrics(Answer):
    """All figures, for Prometheus."""

    def get(self) -> None:
        """Give them, as text."""
        self.set_header("Content-Type", CONTENT_TYPE)
        self.finish(exposition(self.house.feed.bulletin()))
