"""How often a token may be tried: after a few wrong ones, a pause that grows."""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

FREE = 3
"""So many wrong tries of one address cost it no pause: fingers slip."""
FREE_IN_ALL = 30
"""So many of all addresses together."""
LONGEST_S = 60.0
LONGEST_IN_ALL_S = 5.0
"""Short, for an owner who types the right one waits it out, too, while others guess."""
FORGET_S = 900.0
"""A wrong try is forgotten when no other came for so long."""
ADDRESSES = 256
"""So many are remembered; the one that was wrong longest ago goes."""


@dataclass(slots=True)
class _Wrong:
    """The wrong tries of somebody."""

    count: int = 0
    last_s: float = 0.0


class Tries:
    """For one thread."""

    def __init__(self, mono_s: Callable[[], float]) -> None:
        self._mono_s = mono_s
        self._each: OrderedDict[str, _Wrong] = OrderedDict()
        self._all = _Wrong()

    def pause_s(self, address: str) -> float:
        """Return for how long nobody at ``address`` may try; 0: now."""
        one = self._each.get(_home(address), _Wrong())
        return max(self._left_s(one, FREE, LONGEST_S), self._left_s_in_all())

    def wrong(self, address: str) -> None:
        """Count a wrong try."""
        home = _home(address)
        one = self._each.setdefault(home, _Wrong())
        self._each.move_to_end(home)
        if len(self._each) > ADDRESSES:
            self._each.popitem(last=False)
        for wrong in (one, self._all):
            self._forget(wrong)
            wrong.count += 1
            wrong.last_s = self._mono_s()

    def right(self, address: str) -> None:
        """Forget the wrong tries of ``address``: whoever is there knows the token."""
        self._each.pop(_home(address), None)

    def _left_s_in_all(self) -> float:
        return self._left_s(self._all, FREE_IN_ALL, LONGEST_IN_ALL_S)

    def _left_s(self, wrong: _Wrong, free: int, longest_s: float) -> float:
        self._forget(wrong)
        over = wrong.count - free
        if over < 0:
            return 0.0
        pause_s = min(2.0 ** min(over, 16), longest_s)
        return max(wrong.last_s + pause_s - self._mono_s(), 0.0)

    def _forget(self, wrong: _Wrong) -> None:
        if self._mono_s() - wrong.last_s > FORGET_S:
            wrong.count = 0


def _home(address: str) -> str:
    """Return what one person has: an address, or the /64 that comes with an IPv6 line."""
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv4Address):
        return address
    if known.ipv4_mapped:
        return str(known.ipv4_mapped)
    return str(ipaddress.ip_network((int(known) >> 64 << 64, 64)))
