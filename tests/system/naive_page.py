"""The page behind tornado's own server as it comes: what the page would be without its door.

``python -m tests.system.naive_page PORT FILES``: so many files may be open.
"""

import asyncio
import logging
import resource
import sys

from tornado.httpserver import HTTPServer

from edgeagent.clock import SystemClock
from edgeagent.page.door import Door
from edgeagent.page.house import furnished
from edgeagent.page.rehearsal import Rehearsal
from edgeagent.page.server import application
from edgeagent.page.token_file import Token


async def main(port: int, files: int) -> None:
    """Serve until killed."""
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    house = furnished(Rehearsal(SystemClock()).feed, Token("abcd-efgh-jkmn-pqrs"))
    HTTPServer(application(house, Door.of(None))).listen(port, "127.0.0.1")
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
