"""The page's server: its door, its paths, its tick. One request a connection."""

import asyncio
import logging
import socket
from collections.abc import Callable

from tornado.web import Application, RequestHandler

from edgeagent.page import answers
from edgeagent.page.door import Door, tls_context
from edgeagent.page.house import House
from edgeagent.page.show import TICK_S


async def serve(house: House, over: asyncio.Event, opened: Callable[[int], None]) -> None:
    """Serve ``house`` until ``over``; ``opened`` hears the port once a browser may come.

    Raises:
        OSError: the address or port cannot be had.
        CredentialError: the certificate cannot be used.
    """
    # What strangers send wrongly is theirs: a line for each of it would fill the journal.
    logging.getLogger("tornado.general").setLevel(logging.CRITICAL)
    config = house.config.page
    door = Door.of(tls_context(config))
    door.request_callback = application(house, door)
    listener = _listening(config.address, config.port)
    door.add_sockets([listener])
    opened(listener.getsockname()[1])
    try:
        while not over.is_set():
            house.show.tick()
            await _at_most(over, TICK_S)
    finally:
        door.stop()
        house.show.close()
        await door.close_all_connections()


def _listening(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.create_server(
        (address, port), family=family, backlog=128, dualstack_ipv6=address == "::"
    )
    listener.setblocking(False)
    return listener


async def _at_most(over: asyncio.Event, limit_s: float) -> None:
    try:
        await asyncio.wait_for(over.wait(), limit_s)
    except TimeoutError:
        return


def application(house: House, door: Door) -> Application:
    """Return what answers, by path."""
    given = {"house": house}
    return Application(
        [
            ("/", answers.Index, given),
            ("/login", answers.Login, given),
            ("/logout", answers.Logout, given),
            ("/session", answers.Session, given),
            ("/events", answers.Events, {**given, "door": door}),
            ("/healthz", answers.Healthz, given),
            ("/metrics", answers.Metrics, given),
            (r"/([a-z]+\.(?:css|js|svg))", answers.File, given),
        ],
        default_handler_class=answers.Nothing,
        default_handler_args=given,
        log_function=_log_nothing,
    )


def _log_nothing(handler: RequestHandler) -> None:
    """Log no request: a reader of the page is nobody's business, and a stranger no news."""
