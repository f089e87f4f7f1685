"""From the broker's name to its welcome: each step, and at the first that fails the reason."""

import socket
import time
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

from edgeagent.certificates import Validity, validities, validity
from edgeagent.config import MqttConfig
from edgeagent.credentials import path_of
from edgeagent.doctor import Check, Line, fault, warning, well
from edgeagent.doctor.case import Case
from edgeagent.doctor.configuration import unlooked
from edgeagent.doctor.service import told_of
from edgeagent.errors import CredentialError, LinkError
from edgeagent.identity import client_id
from edgeagent.mqtt.client import port_of
from edgeagent.mqtt.knock import knock
from edgeagent.tls import explain, tls_context

SOON_DAYS = 21
"""A certificate that ends sooner is worth a warning: three weeks are enough to renew it by hand."""
SUFFIX = "-doctor"
"""Behind the agent's own client id, which the running agent may be connected under."""


def checks(case: Case) -> Iterator[Check]:
    """See the family's contract."""
    if case.config is None:
        yield Check("broker", lambda: [unlooked("broker")])
        return
    config = case.config
    if not config.mqtt.host:
        said = well("broker", "none is named: all is kept in the outbox")
        yield Check("broker", lambda: [said])
        return
    yield Check("broker", lambda: _way(config.mqtt, case), 3 * config.mqtt.connect_s + 5)
    if config.mqtt.tls:
        yield Check("certificates", lambda: _own(config.mqtt))


def _way(config: MqttConfig, case: Case) -> Iterator[Line]:
    """Go as far as it goes: name, port, TLS, welcome."""
    addresses = _addresses(config)
    if isinstance(addresses, Line):
        yield addresses
        return
    if addresses != [config.host]:
        yield well("name", f"{config.host} is {', '.join(addresses[:3])}")
    began_s = time.monotonic()
    try:
        connected = socket.create_connection((config.host, port_of(config)), config.connect_s)
    except OSError as error:
        yield _unreached(config, error)
        return
    with connected:
        yield well("port", f"{port_of(config)} answers after {_ms(began_s)}")
        ours = yield from _encrypted(config, connected)
    if ours:
        yield from _welcome(config, case)


def _ms(began_s: float) -> str:
    return f"{(time.monotonic() - began_s) * 1000:.0f} ms"


def _addresses(config: MqttConfig) -> list[str] | Line:
    try:
        found = socket.getaddrinfo(config.host, port_of(config), type=socket.SOCK_STREAM)
    except OSError as error:
        cure = f"see mqtt.host, and the network: getent hosts {config.host}; ip route"
        return fault("name", f"{config.host}: {error.strerror or error}", cure, kind=LinkError)
    return sorted({str(info[4][0]) for info in found})


def _unreached(config: MqttConfig, error: OSError) -> Line:
    what = f"{config.host}:{port_of(config)}: {error.strerror or error}"
    cures = (
        "is it running, and does it listen to the network? On its machine:",
        "systemctl status mosquitto; ss -ltn",
        f"from here: nc -vz {config.host} {port_of(config)}; see mqtt.port, and firewalls",
    )
    return fault("port", what, *cures, kind=LinkError)


def _encrypted(config: MqttConfig, connected: socket.socket) -> Generator[Line, None, bool]:
    """Shake hands; return whether we may go on."""
    if not config.tls:
        yield _in_clear(str(connected.getpeername()[0]))
        return True
    try:
        context = tls_context(config)
        with context.wrap_socket(connected, server_hostname=config.host) as secured:
            der = secured.getpeercert(binary_form=True) or b""
            told = f"{secured.version()}, certificate and name verified"
    except CredentialError as error:
        what, _, cure = str(error).partition("; ")
        yield fault("tls", what, *filter(None, [cure]), kind=error)
        return False
    except OSError as error:
        what, _, cure = explain(error).partition("; ")
        yield fault("tls", what, *filter(None, [cure]), kind=LinkError)
        return False
    yield _ends("tls", told, validity(der), "renew it at the broker")
    return True


def _in_clear(address: str) -> Line:
    if ip_address(address).is_loopback:
        return well("tls", "off, and the broker is on this machine")
    return warning("tls", "off: password and events go in clear", "mqtt.tls = true, port 8883")


def _ends(name: str, told: str, dates: Validity, cure: str) -> Line:
    days = dates.days_left(datetime.now(UTC))
    what = f"{told}, ends in {days:.0f} days ({dates.ends:%Y-%m-%d})"
    if days < 0:
        return fault(name, f"{told}, has expired on {dates.ends:%Y-%m-%d}", cure, kind=LinkError)
    if dates.begins > datetime.now(UTC):
        cures = ("set this device's clock: timedatectl", cure)
        early = f"{told}, is valid only from {dates.begins:%Y-%m-%d %H:%M} UTC"
        return fault(name, early, *cures, kind=LinkError)
    return warning(name, what, cure) if days < SOON_DAYS else well(name, what)


def _welcome(config: MqttConfig, case: Case) -> Iterator[Line]:
    """Take the running agent's connection for proof; where it has none, knock beside it."""
    if case.agent is not None and case.agent.get("link"):
        yield well("account", "the running agent is connected")
        return
    if case.agent is not None and (line := told_of(case.agent, "link", "agent's link")):
        yield line
    ours = client_id(case.state) + SUFFIX
    try:
        took_s = knock(config, ours, config.connect_s)
    except LinkError as error:
        cures = (
            "see mqtt.username and password_file, and the broker's own log",
            f"a broker that lets only known client ids in may refuse {ours}: then start the agent",
        )
        yield fault("account", str(error), *cures, kind=error)
        return
    yield well("account", f"{config.username or 'without a user'}: let in after {took_s:.2f} s")


def _own(config: MqttConfig) -> Iterator[Line]:
    """Tell how long the certificates on this device are good for."""
    named = {"mqtt.ca_file": config.ca_file, "mqtt.cert_file": config.cert_file}
    for setting, reference in named.items():
        if reference:
            yield from _file(setting, path_of(reference))


def _file(setting: str, path: Path) -> Iterator[Line]:
    try:
        dates = validities(path)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        cure = f"{setting} must name a PEM file that the agent may read"
        yield fault(setting, f"{path}: {why}", cure, kind=CredentialError)
        return
    first = min(dates, key=lambda one: one.ends)
    yield _ends(setting, f"{path}", first, f"put a new one in its place: {path}")
