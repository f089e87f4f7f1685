"""Lets connections in: as many as are good for a small device, none for longer than it needs."""

import asyncio
import ssl
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream, StreamClosedError
from tornado.web import RequestHandler

from edgeagent.config import PageConfig
from edgeagent.credentials import check_private, path_of
from edgeagent.errors import CredentialError

GUESTS = 64
"""Connections at once, beside those of readers; for the next one the oldest is hung up on. So
nobody keeps others out by saying nothing, or everything one letter at a time."""
STAY_S = 15.0
"""A connection that is no reader's ends after so long, whatever it is at."""
HEADER_BYTES = 8192
BODY_BYTES = 2048


class Door(HTTPServer):
    """A server for one request a connection. For one event loop."""

    _guests: dict[IOStream, asyncio.TimerHandle]

    @classmethod
    def of(cls, context: ssl.SSLContext | None) -> "Door":
        """Return one that nobody has come through yet."""
        door = cls(
            None,
            ssl_options=context,
            no_keep_alive=True,
            max_header_size=HEADER_BYTES,
            max_body_size=BODY_BYTES,
            idle_connection_timeout=STAY_S,
            body_timeout=STAY_S,
        )
        door._guests = {}
        return door

    def handle_stream(self, stream: IOStream, address: tuple[Any, ...]) -> None:
        """Let ``stream`` in, if need be for the one who has been here longest."""
        self._forget()
        if len(self._guests) >= GUESTS:
            oldest = next(iter(self._guests))
            self.keep(oldest)
            oldest.close()
        self._guests[stream] = asyncio.get_running_loop().call_later(STAY_S, stream.close)
        super().handle_stream(stream, address)

    def keep(self, stream: IOStream) -> None:
        """Let ``stream`` stay: somebody else sees to its end."""
        timer = self._guests.pop(stream, None)
        if timer is not None:
            timer.cancel()

    def _forget(self) -> None:
        for stream in [stream for stream in self._guests if stream.closed()]:
            self.keep(stream)


class Tube:
    """The way to one who reads for as long as he likes; a `readers.Pipe`."""

    def __init__(self, handler: RequestHandler, stream: IOStream) -> None:
        self._handler, self._stream = handler, stream

    @property
    def is_full(self) -> bool:
        """See `Pipe.is_full`."""
        return self._stream.writing()

    def send(self, data: bytes) -> None:
        """See `Pipe.send`."""
        if not self._stream.closed():
            self._handler.write(data)
            self._handler.flush().add_done_callback(_take_note)

    def close(self) -> None:
        """See `Pipe.close`."""
        self._stream.close()


def _take_note(sent: "asyncio.Future[None]") -> None:
    """Look at how it went: that a reader has gone is told by his connection, too."""
    if not sent.cancelled() and sent.exception() is not None:
        assert isinstance(sent.exception(), StreamClosedError)


def tls_context(config: PageConfig) -> ssl.SSLContext | None:
    """Return what the page is encrypted with; None: it is not.

    Raises:
        CredentialError: certificate or key is missing, open to everybody, or will not do.
    """
    if not config.cert_file:
        return None
    cert, key = path_of(config.cert_file), check_private(path_of(config.key_file))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # Without a password of ours OpenSSL would ask for one at the terminal, and wait.
        context.load_cert_chain(cert, key, password="")
    except (OSError, ssl.SSLError) as error:
        raise CredentialError(
            f"{cert}: certificate and key {key} do not go together, or are no PEM ({error})"
        ) from error
    return context
