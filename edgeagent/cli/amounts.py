"""Amounts as people type them: 5ms, 10m, 10%."""

import argparse

_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}
_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def duration_ms(text: str) -> float:
    """Return milliseconds.

    Raises:
        argparse.ArgumentTypeError: it is no duration.
    """
    for unit, factor in _MS.items():
        number = text.removesuffix(unit)
        if number != text and _is_number(number):
            return float(number) * factor
    raise argparse.ArgumentTypeError(f"{text!r} is no duration; write 5ms, 0.2s or 800us")


def lasting_s(text: str) -> float:
    """Return seconds, 600 for ``10m``.

    Raises:
        argparse.ArgumentTypeError: it is no such time.
    """
    number, factor = text[:-1], _S.get(text[-1:])
    if factor is None or not _is_number(number):
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write 90s, 10m, 8h or 2d")
    return float(number) * factor


def share(text: str) -> float:
    """Return 0.1 for ``10%``.

    Raises:
        argparse.ArgumentTypeError: it is no share.
    """
    number = text.removesuffix("%")
    if number == text or not _is_number(number):
        raise argparse.ArgumentTypeError(f"{text!r} is no share; write 10%")
    return float(number) / 100


def _is_number(text: str) -> bool:
    try:
        return 0 <= float(text) < float("inf")
    except ValueError:
        return False
