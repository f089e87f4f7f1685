"""Reads from when until when a certificate is valid, good or not: nothing is verified here.

Python's ssl tells the dates of a certificate only once it has verified it, and of one's own never.
"""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_BEGIN = "-----BEGIN CERTIFICATE-----"
_END = "-----END CERTIFICATE-----"
_VERSION = 0xA0
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_PIVOT = 50
"""A UTCTime of year 50 and more is of the last century (RFC 5280, 4.1.2.5.1)."""


@dataclass(frozen=True, slots=True)
class Validity:
    """From when until when; both in UTC."""

    begins: datetime
    ends: datetime

    def days_left(self, now: datetime) -> float:
        """Return how many days are left; less than 0 once it has expired."""
        return (self.ends - now).total_seconds() / 86400


def validities(path: Path) -> list[Validity]:
    """Return the validity of each certificate in the PEM file at ``path``, in its order.

    Raises:
        OSError: it cannot be read.
        ValueError: it holds none, or what is no certificate.
    """
    text = path.read_text(encoding="ascii", errors="replace")
    blocks = [part.partition(_END)[0] for part in text.split(_BEGIN)[1:]]
    if not blocks:
        raise ValueError(f"{path}: holds no certificate in PEM")
    return [validity(ssl.PEM_cert_to_DER_cert(f"{_BEGIN}{block}{_END}\n")) for block in blocks]


def validity(der: bytes) -> Validity:
    """Return the validity of one certificate in DER.

    It is the fifth field of what is signed, the version, which may be missing, not counted:
    serial number, signature, issuer, validity (RFC 5280, 4.1).

    Raises:
        ValueError: it is no certificate.
    """
    try:
        certificate = next(_fields(der))[1]
        signed = next(_fields(certificate))[1]
        fields = [field for field in _fields(signed) if field[0] != _VERSION]
        begins, ends = (_time(*field) for field in _fields(fields[3][1]))
    except (IndexError, StopIteration, UnicodeDecodeError) as error:
        raise ValueError(f"is no certificate ({error!r})") from None
    return Validity(begins, ends)


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of each field in ``data``, which is DER (X.690, 8.1)."""
    at = 0
    while at < len(data):
        tag, length, at = data[at], data[at + 1], at + 2
        if length & 0x80:
            many = length & 0x7F
            length, at = int.from_bytes(data[at : at + many], "big"), at + many
        if at + length > len(data):
            raise IndexError("a field reaches beyond the end")
        yield tag, data[at : at + length]
        at += length


def _time(tag: int, content: bytes) -> datetime:
    text = content.decode("ascii")
    if tag == _UTC_TIME:
        text = ("19" if int(text[:2]) >= _PIVOT else "20") + text
    elif tag != _GENERALIZED_TIME:
        raise ValueError(f"tag {tag:#x} is no time")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
