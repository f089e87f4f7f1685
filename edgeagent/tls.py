"""How the link is encrypted: always verified, with an own CA and a client certificate if wanted."""

import datetime
import socket
import ssl
from pathlib import Path

from edgeagent.config import MqttConfig
from edgeagent.credentials import check_private, path_of
from edgeagent.errors import CredentialError


def tls_context(config: MqttConfig) -> ssl.SSLContext:
    """Return a client context that verifies the broker's certificate and name.

    Nothing in the settings can switch that off: who wants no TLS says ``tls = false``. Where the
    CA's file holds a revocation list, too, it is held to.

    Raises:
        CredentialError: a certificate or key is missing, open to everybody, or will not do.
    """
    context = _trusting(config.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Strict since Python 3.13: it refuses the CAs that owners make with mosquitto's own recipe,
    # for want of key identifiers. Chain, dates and name are verified without it as well.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if context.cert_store_stats()["crl"]:
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    if config.alpn:
        context.set_alpn_protocols([config.alpn])
    if config.cert_file:
        _load_own(context, config)
    return context


def _trusting(ca_file: str) -> ssl.SSLContext:
    if not ca_file:
        return ssl.create_default_context()
    path = path_of(ca_file)
    try:
        return ssl.create_default_context(cafile=str(path))
    except FileNotFoundError:
        what = "no such file"
    except (OSError, ValueError) as error:
        what = f"holds no certificate that can be read ({error})"
    raise CredentialError(f"{path}: {what}; mqtt.ca_file must name the broker's CA, PEM")


def _load_own(context: ssl.SSLContext, config: MqttConfig) -> None:
    cert, key = path_of(config.cert_file), check_private(path_of(config.key_file))
    try:
        # Without a password of ours OpenSSL would ask for one at the terminal, and wait.
        context.load_cert_chain(cert, key, password="")
    except (OSError, ssl.SSLError) as error:
        if _is_locked(key):
            cure = f"openssl pkey -in {key} -out NEW"
            raise CredentialError(
                f"{key}: wants a passphrase, which nobody can type: {cure}"
            ) from None
        raise CredentialError(
            f"{cert}: certificate and key {key} do not go together, or are no PEM ({error})"
        ) from error


def _is_locked(key: Path) -> bool:
    try:
        return b"ENCRYPTED" in key.read_bytes()
    except OSError:
        return False


EXPIRED, NOT_YET_VALID, REVOKED = 10, 9, 23
SELF_SIGNED = 18
NO_ISSUER = (2, 19, 20, 21)
WRONG_NAME = (62, 64)
NO_LIST, LIST_NOT_YET_VALID, LIST_EXPIRED = 3, 11, 12
"""What OpenSSL says of a certificate (openssl/x509_vfy.h, X509_V_ERR_...)."""

ALERTS = {
    "CERTIFICATE_REQUIRED": "the broker wants a client certificate; see mqtt.cert_file",
    "HANDSHAKE_FAILURE": "the broker wants a client certificate, or ciphers that are not here",
    "CERTIFICATE_EXPIRED": "the broker says that mqtt.cert_file has expired; renew it",
    "CERTIFICATE_REVOKED": "the broker says that mqtt.cert_file is revoked; get another one",
    "CERTIFICATE_UNKNOWN": "the broker does not accept mqtt.cert_file",
    "BAD_CERTIFICATE": "the broker does not accept mqtt.cert_file",
    "UNKNOWN_CA": "the broker does not know the CA of mqtt.cert_file",
    "UNRECOGNIZED_NAME": "no broker of that name is there; see mqtt.host",
    "NO_APPLICATION_PROTOCOL": "the broker does not speak what mqtt.alpn names",
    "PROTOCOL_VERSION": "the broker speaks no TLS that is still safe, 1.2 or 1.3",
}
"""What the other end may say before it hangs up (RFC 8446, 6.2), as OpenSSL's names end."""


def cure_of(said: str) -> str:
    """Return what to do about a TLS alert that ``said`` names, "" where it names none we know."""
    plain = said.upper().replace(" ", "_")
    return next((cure for name, cure in ALERTS.items() if f"_{name}" in plain), "")


def explain(error: BaseException | None) -> str:
    """Return in words, with the cure, why no connection could be made."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _explain_certificate(error)
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return "the broker hung up in the TLS handshake; see mqtt.host, mqtt.port and mqtt.alpn"
    if isinstance(error, ssl.SSLError):
        said = error.reason or str(error)
        return f"TLS failed ({said}); {cure_of(said) or 'does mqtt.tls fit mqtt.port?'}"
    if isinstance(error, ConnectionResetError):
        return "the broker hung up at once; does mqtt.tls fit mqtt.port?"
    if isinstance(error, socket.gaierror):
        return f"no such name ({error.strerror}); see mqtt.host, and the network"
    if isinstance(error, TimeoutError):
        return "no answer in time; see mqtt.host and mqtt.port, and the network"
    return str(error) if error is not None else "refused or unreachable"


def _explain_certificate(error: ssl.SSLCertVerificationError) -> str:
    code = error.verify_code
    if code == NOT_YET_VALID:
        today = datetime.datetime.now(datetime.UTC).date()
        return f"the broker's certificate is not valid yet; is this device's clock right ({today})?"
    cures = {
        EXPIRED: "has expired; renew it at the broker, or set this device's clock",
        REVOKED: "is revoked; the broker needs another one",
        NO_LIST: "is of a CA without a revocation list in mqtt.ca_file; add that CA's, or none",
        LIST_NOT_YET_VALID: "cannot be looked up: the revocation list in mqtt.ca_file is not valid "
        "yet; is this device's clock right?",
        LIST_EXPIRED: "cannot be looked up: the revocation list in mqtt.ca_file has expired; "
        "fetch the CA's new one",
        SELF_SIGNED: "is signed by itself; give it in mqtt.ca_file, if it is your broker's",
        **dict.fromkeys(NO_ISSUER, "is of a CA unknown here; give that CA in mqtt.ca_file"),
        **dict.fromkeys(WRONG_NAME, "is for another name; mqtt.host must be the one it is for"),
    }
    return f"the broker's certificate {cures.get(code, error.verify_message)}"
