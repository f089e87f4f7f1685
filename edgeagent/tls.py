"""How the link is encrypted: always verified, with an own CA and a client certificate if wanted."""

import datetime
import socket
import ssl

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
    context = ssl.create_default_context(cafile=_existing(config.ca_file))
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


def _existing(ca_file: str) -> str | None:
    if not ca_file:
        return None
    path = path_of(ca_file)
    if not path.is_file():
        raise CredentialError(f"{path}: no such file; mqtt.ca_file must name the broker's CA, PEM")
    return str(path)


def _load_own(context: ssl.SSLContext, config: MqttConfig) -> None:
    cert, key = path_of(config.cert_file), check_private(path_of(config.key_file))
    try:
        context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        raise CredentialError(
            f"{cert}: certificate and key {key} do not go together, or are no PEM ({error})"
        ) from error


EXPIRED, NOT_YET_VALID, REVOKED = 10, 9, 23
SELF_SIGNED = 18
NO_ISSUER = (2, 19, 20, 21)
WRONG_NAME = (62, 64)
"""What OpenSSL says of a certificate (openssl/x509_vfy.h, X509_V_ERR_...)."""


def explain(error: BaseException | None) -> str:
    """Return in words, with the cure, why no connection could be made."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _explain_certificate(error)
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason or error}); does mqtt.tls fit mqtt.port?"
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
        SELF_SIGNED: "is signed by itself; give it in mqtt.ca_file, if it is your broker's",
        **dict.fromkeys(NO_ISSUER, "is of a CA unknown here; give that CA in mqtt.ca_file"),
        **dict.fromkeys(WRONG_NAME, "is for another name; mqtt.host must be the one it is for"),
    }
    return f"the broker's certificate {cures.get(code, error.verify_message)}"
