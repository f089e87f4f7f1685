"""By what names a browser may call the page: the defence against DNS rebinding.

A name under a stranger's control can be made to point here, and a page of theirs then counts as
ours. It still says its own name in the Host header. An address says nobody's name.
"""

import ipaddress
import re
import socket
from collections.abc import Iterable

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")


def own_names() -> set[str]:
    """Return the names that this device goes by of itself: its host's, also with .local."""
    host = socket.gethostname().lower()
    short = host.partition(".")[0]
    return {"localhost", host, short, f"{short}.local"}


class Hosts:
    """The names that are ours."""

    def __init__(self, more: Iterable[str] = ()) -> None:
        self._names = own_names() | {name.lower() for name in more}

    def allows(self, header: str) -> bool:
        """Return whether the Host header names us: one of our names, or any address, and a port."""
        found = _HOST.fullmatch(header)
        if found is None:
            return False
        host = found[1].strip("[]").rstrip(".").lower()
        return host in self._names or _is_address(host)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
