"""Passwords, keys and certificates, as files of an owner's hold them."""

import base64
import contextlib
from pathlib import Path

from edgeagent.certificates import validities
from edgeagent.config import MqttConfig, PageConfig
from edgeagent.credentials import read_secret
from edgeagent.errors import EdgeagentError
from edgeagent.page.door import tls_context as page_tls
from edgeagent.page.token_file import read_token
from edgeagent.tls import tls_context
from tests.fuzz.target import Target


def _secret(data: bytes, folder: Path) -> None:
    (folder / "password").write_bytes(data)
    (folder / "password").chmod(0o600)
    with contextlib.suppress(EdgeagentError):
        read_secret(str(folder / "password"))
    read_token(folder / "password").is_said_by("abcd-efgh-jkmn-pqrs")


def _dates(data: bytes, folder: Path) -> None:
    (folder / "cert.pem").write_bytes(data)
    for dates in validities(folder / "cert.pem"):
        f"{dates.begins:%Y-%m-%d}, {dates.ends:%Y-%m-%d}"


CERTIFICATE = b"""-----BEGIN CERTIFICATE-----
MIIBfDCCASOgAwIBAgIUQpQd9vFqg1K8Xw0m3mEoTq1XgSgwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MB4XDTI2MDEwMTAwMDAwMFoXDTM2MDEwMTAw
MDAwMFowFDESMBAGA1UEAwwJbG9jYWxob3N0
-----END CERTIFICATE-----
"""
"""Cut short: it looks like one until its end."""


def der(*fields: tuple[int, bytes]) -> bytes:
    """Return DER, for certificates that nobody signed."""
    return b"".join(
        bytes([tag, 0x82, *len(data).to_bytes(2, "big")]) + data for tag, data in fields
    )


def _unsigned() -> bytes:
    dates = der((0x17, b"260101000000Z"), (0x18, b"20990101000000Z"))
    empty = (0x30, b"")
    signed = der((0xA0, b"\x02\x01\x02"), (0x02, b"\x01"), empty, empty, (0x30, dates), empty)
    text = base64.encodebytes(der((0x30, der((0x30, signed), empty))))
    return b"-----BEGIN CERTIFICATE-----\n%s-----END CERTIFICATE-----\n" % text


def _tls(data: bytes, folder: Path) -> None:
    """Take it for a CA, and for a certificate with its key, at the broker's side and the page's."""
    file = folder / "all.pem"
    file.write_bytes(data)
    file.chmod(0o600)
    for mqtt in (
        MqttConfig(ca_file=str(file)),
        MqttConfig(cert_file=str(file), key_file=str(file)),
    ):
        with contextlib.suppress(EdgeagentError):
            tls_context(mqtt)
    page_tls(PageConfig(cert_file=str(file), key_file=str(file)))


LOCKED = b"""-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGjME4GCSqGSIb3DQEFDTBBMCkGCSqGSIb3DQEFDDAcBAi0Y7u2nqR0
-----END ENCRYPTED PRIVATE KEY-----
"""


TARGETS = [
    Target("secret", _secret, lambda: [b"password\n", b"abcd-efgh-jkmn-pqrs-tuvw\n", b""]),
    Target("dates", _dates, lambda: [CERTIFICATE, _unsigned()], raises=(ValueError,)),
    Target("tls", _tls, lambda: [CERTIFICATE, _unsigned(), LOCKED, b""], share=0.1),
]
