"""TLS to a real broker with certificates of every kind: what is told, kept, and never in clear."""

import gc
import getpass
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import pytest

from edgeagent.config import MqttConfig
from edgeagent.errors import CredentialError
from edgeagent.tls import tls_context

from .authority import FAR_OFF, LONG_AGO, Authority, missing
from .conftest import Broker, Brokers, Ear, free_port, until
from .test_broker import Chain
from .test_link import CONFIG, answers, at, linked

TLS = """\
allow_anonymous true
cafile {authority}/ca.pem
certfile {certificate}
keyfile {key}
"""

# paho does not close the socket of a failed handshake; it goes with the client, a little later.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    if missing():
        pytest.skip(missing())
    yield Authority(tmp_path / "authority")
    gc.collect()


def serve(brokers: Brokers, certificate: Path, more: str = "") -> Broker:
    """Start a broker that shows ``certificate``."""
    key = certificate.with_suffix(".key")
    folder = certificate.parent
    broker = brokers(TLS.format(authority=folder, certificate=certificate, key=key) + more)
    broker.start()
    return broker


def own(certificate: Path) -> dict[str, str]:
    """Return the settings with which the agent shows ``certificate``."""
    key = certificate.with_suffix(".key")
    key.chmod(0o600)
    return {"cert_file": str(certificate), "key_file": str(key)}


Make = Callable[[Authority], Path]


def revoked(authority: Authority) -> Path:
    certificate = authority.sign("gone")
    authority.revoke(certificate)
    authority.ca.write_text(
        authority.ca.read_text() + authority.ca.with_name("crl.pem").read_text()
    )
    return certificate


def listed(authority: Authority, revocations: Path) -> Path:
    """Put a list into the file that the agent trusts; return a certificate that is not on it."""
    certificate = authority.sign("good")
    authority.ca.write_text(authority.ca.read_text() + revocations.read_text())
    return certificate


BAD: dict[str, tuple[Make, str]] = {
    "expired": (
        lambda a: a.sign("old", dates=LONG_AGO),
        "has expired; renew it at the broker, or set this device's clock",
    ),
    "not yet valid": (
        lambda a: a.sign("young", dates=FAR_OFF),
        "is not valid yet; is this device's clock right (20",
    ),
    "for another host": (
        lambda a: a.sign("other", "DNS:other.example"),
        "is for another name; mqtt.host must be the one it is for",
    ),
    "self-signed": (
        lambda a: a.self_signed("own"),
        "is signed by itself; give it in mqtt.ca_file",
    ),
    "of another CA": (
        lambda a: Authority(a.ca.parent / "second").sign("foreign"),
        "is of a CA unknown here; give that CA in mqtt.ca_file",
    ),
    "revoked": (revoked, "is revoked; the broker needs another one"),
    "of a CA whose list is old": (
        lambda a: listed(a, a.revocations(LONG_AGO)),
        "cannot be looked up: the revocation list in mqtt.ca_file has expired; fetch",
    ),
    "of a CA whose list is of another": (
        lambda a: listed(a, Authority(a.ca.parent / "third", "other CA").revocations()),
        "is of a CA without a revocation list in mqtt.ca_file",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_certificate_is_named_with_its_cure(
    kind: str, authority: Authority, brokers: Brokers
) -> None:
    make, why = BAD[kind]
    broker = serve(brokers, make(authority))
    with linked(at(broker, tls=True, ca_file=str(authority.ca))) as (link, told):
        assert until(lambda: told)
        assert not link.up
        assert told[0].why.startswith(f"no connection: the broker's certificate {why}")


def test_nothing_is_sent_in_clear_and_nothing_lost_while_the_certificate_is_bad(
    authority: Authority, brokers: Brokers, tmp_path: Path
) -> None:
    broker = serve(brokers, authority.sign("old", dates=LONG_AGO))
    with tapped(broker.port) as (port, seen):
        chain = Chain(tmp_path / "outbox", port, str(authority.ca))
        chain.put(20, 1e9)
        assert until(lambda: seen.count(b"\x16\x03") >= 3)
        assert chain.outbox.depth >= 20
        broker.end()
        renewed = authority.sign("new")
        text = broker.settings.read_text().replace("/old.", "/new.")
        broker.settings.write_text(text)
        assert renewed.name in text
        broker.start()
        assert until(lambda: chain.outbox.depth == 0, 60)
        chain.close()
    assert chain.health.counted("puback_total") >= 20
    for word in (b"MQTT", b"edge/v1", b"yard"):
        assert word not in bytes(seen)


@contextmanager
def tapped(port: int) -> Iterator[tuple[int, bytearray]]:
    """Give a port that leads to ``port``, and all bytes that were sent to it."""
    seen = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_tap, args=(listener, port, seen), daemon=True).start()
        yield listener.getsockname()[1], seen
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


def _tap(listener: socket.socket, port: int, seen: bytearray) -> None:
    with suppress(OSError):
        while True:
            near, _ = listener.accept()
            threading.Thread(target=_pass_on, args=(near, port, seen), daemon=True).start()


def _pass_on(near: socket.socket, port: int, seen: bytearray) -> None:
    with near, suppress(OSError), socket.create_connection(("127.0.0.1", port)) as far:
        back = threading.Thread(target=_carry, args=(far, near, bytearray()), daemon=True)
        back.start()
        _carry(near, far, seen)
        back.join()


def _carry(source: socket.socket, sink: socket.socket, seen: bytearray) -> None:
    with suppress(OSError):
        while data := source.recv(4096):
            seen += data
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)


def test_a_broker_that_speaks_no_tls_is_not_spoken_to_without(broker: Broker) -> None:
    with linked(at(broker, tls=True)) as (link, told):
        assert until(lambda: told)
        assert not link.up
        assert told[0].why.endswith("does mqtt.tls fit mqtt.port?")


@pytest.mark.parametrize("version", ["tlsv1.2", "tlsv1.3"])
def test_tls_1_2_and_1_3_with_a_client_certificate(
    version: str, authority: Authority, brokers: Brokers
) -> None:
    more = f"tls_version {version}\nrequire_certificate true\nuse_identity_as_username true\n"
    broker = serve(brokers, authority.sign("broker"), more)
    shown = own(authority.sign("door"))
    with linked(at(broker, tls=True, ca_file=str(authority.ca), **shown)) as (link, _):
        assert until(lambda: link.up)
    assert "u'door'" in (broker.folder / "mosquitto.log").read_text()


OWN: dict[str, tuple[Callable[[Authority], dict[str, str]], str]] = {
    "missing": (lambda _: {}, "the broker wants a client certificate; see mqtt.cert_file"),
    "expired": (
        lambda a: own(a.sign("late", dates=LONG_AGO)),
        "the broker says that mqtt.cert_file has expired; renew it",
    ),
    "of a CA the broker does not know": (
        lambda a: own(Authority(a.ca.parent / "second").sign("foreign")),
        "the broker does not know the CA of mqtt.cert_file",
    ),
    "revoked": (
        lambda a: own(a.ca.with_name("stolen.pem")),
        "the broker says that mqtt.cert_file is revoked; get another one",
    ),
}


# In TLS 1.2 it is judged within the handshake, in 1.3 after it.
@pytest.mark.parametrize(
    ("kind", "version"), [("expired", "tlsv1.2"), *((kind, "tlsv1.3") for kind in OWN)]
)
def test_a_client_certificate_that_will_not_do_is_told_with_its_cure(
    kind: str, version: str, authority: Authority, brokers: Brokers
) -> None:
    listed = authority.revoke(authority.sign("stolen"))
    more = f"require_certificate true\ntls_version {version}\ncrlfile {listed}\n"
    broker = serve(brokers, authority.sign("broker"), more)
    make, why = OWN[kind]
    with linked(at(broker, tls=True, ca_file=str(authority.ca), **make(authority))) as (link, told):
        assert until(lambda: told)
        assert not link.up
        assert why in told[0].why


def test_a_key_behind_a_passphrase_is_told_and_not_asked_for(authority: Authority) -> None:
    certificate = authority.sign("door")
    locked = certificate.with_name("locked.key")
    key = ["-in", str(certificate.with_suffix(".key")), "-out", str(locked)]
    cipher = ["-aes256", "-passout", "pass:hunter2"]
    subprocess.run(["openssl", "pkey", *key, *cipher], check=True, capture_output=True)
    locked.chmod(0o600)
    config = MqttConfig(
        host="localhost",
        cert_file=str(certificate),
        key_file=str(locked),
        ca_file=str(authority.ca),
    )
    with pytest.raises(CredentialError, match=r"openssl pkey -in .*locked.key"):
        tls_context(config)


def test_the_brokers_name_and_the_protocol_asked_for_are_sent_ahead(authority: Authority) -> None:
    certificate = authority.sign("broker", "DNS:localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    context.set_alpn_protocols(["h2", "x-amzn-mqtt-ca"])
    names: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = MqttConfig(
            host="localhost",
            port=listener.getsockname()[1],
            ca_file=str(authority.ca),
            alpn="x-amzn-mqtt-ca",
        )
        with linked(config), context.wrap_socket(listener.accept()[0], server_side=True) as shaken:
            assert shaken.selected_alpn_protocol() == "x-amzn-mqtt-ca"
    assert names == ["localhost"]


@pytest.mark.parametrize("is_encrypted", [False, True])
def test_websockets_carry_events_and_farewell(
    is_encrypted: bool, authority: Authority, brokers: Brokers
) -> None:
    broker = brokers("")
    plain, port = free_port(), free_port()
    certificate = authority.sign("broker")
    keys = f"certfile {certificate}\nkeyfile {certificate.with_suffix('.key')}\n"
    broker.settings.write_text(
        f"user {getpass.getuser()}\nallow_anonymous true\nlistener {plain} 127.0.0.1\n"
        f"listener {port} 127.0.0.1\nprotocol websockets\n{keys if is_encrypted else ''}"
    )
    broker.port = plain
    broker.start()
    ear = Ear(plain)
    ca = str(authority.ca) if is_encrypted else ""
    config = msgspec.structs.replace(
        CONFIG, port=port, websocket="/mqtt", tls=is_encrypted, ca_file=ca
    )
    with linked(config) as (link, _):
        assert until(lambda: link.up)
        assert link.publish("evt/yard", b'{"n": 7}', 1)
        assert answers(link, 1)[0].taken
    assert until(lambda: [m["s"] for m in ear.said("/status")] == ["online", "stopped"])
    assert ear.said("/evt/yard") == [{"n": 7}]
    ear.close()
