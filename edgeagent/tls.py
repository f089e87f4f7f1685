"""How the link is encrypted: always verified, with an own CA and a client certificate if wanted."""

import ssl

from edgeagent.config import MqttConfig
from edgeagent.credentials import check_private, path_of
from edgeagent.errors import CredentialError


def tls_context(config: MqttConfig) -> ssl.SSLContext:
    """Return a client context that verifies the broker's certificate and name.

    Nothing in the settings can switch that off: who wants no TLS says ``tls = false``.

    Raises:
        CredentialError: a certificate or key is missing, open to everybody, or will not do.
    """
    context = ssl.create_default_context(cafile=_existing(config.ca_file))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Strict since Python 3.13: it refuses the CAs that owners make with mosquitto's own recipe,
    # for want of key identifiers. Chain, dates and name are verified without it as well.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
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
