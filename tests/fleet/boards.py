"""The step of the board role's package: a libedgetpu of no use, installed or refused."""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.fleet.host import run, until
from tests.fleet.lab import SUBNET, Machine
from tests.fleet.plays import Told
from tests.fleet.proof import Proof, hold

PACKAGE = "libedgetpu1-std"
CONTROL = """\
Package: {package}
Version: 16.0sim
Architecture: {architecture}
Maintainer: nobody <nobody@example>
Description: an empty library of the right name
"""
HTTP_PORT = 8010


def make_deb(folder: Path) -> Path:
    """Return a package with an empty libedgetpu.so.1."""
    architecture = run("dpkg", "--print-architecture").strip()
    tree = folder / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "usr/lib/edgetpu").mkdir(parents=True)
    (tree / "usr/lib/edgetpu/libedgetpu.so.1").touch()
    control = CONTROL.format(package=PACKAGE, architecture=architecture)
    (tree / "DEBIAN/control").write_text(control)
    deb = folder / "libedgetpu.deb"
    run("dpkg-deb", "--root-owner-group", "--build", tree, deb)
    return deb


def _state(machine: Machine) -> str:
    """Return what is installed, and what lies about."""
    ask = f"dpkg-query -W -f '${{Status}} ${{Version}}' {PACKAGE}"
    return machine.run(f"{ask}; ls /var/cache; ls /usr/lib/edgetpu", check=False)


@contextmanager
def _served(proof: Proof, folder: Path) -> Iterator[str]:
    """Serve a folder to the machines."""
    address = f"{SUBNET}1"
    serve = [sys.executable, "-m", "http.server", str(HTTP_PORT), "--bind", address]
    server = subprocess.Popen(
        [*proof.lab.inside, *serve, "--directory", str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    probe = [*proof.lab.inside, sys.executable, "-c",
             f"import socket; socket.create_connection(('{address}', {HTTP_PORT}), 1)"]  # fmt: skip
    try:
        until(lambda: subprocess.run(probe, capture_output=True, check=False).returncode == 0, 60)
        yield f"http://{address}:{HTTP_PORT}"
    finally:
        server.kill()
        server.wait()


def _play(proof: Proof, machine: Machine, *options: str, **edgetpu: str) -> Told:
    limit = ("--tags", "board", "--limit", machine.name, *options)
    return proof.plays.run("site.yml", *limit, board_edgetpu=edgetpu)


def _brings(proof: Proof, machine: Machine, sha256: str, **source: str) -> None:
    """Hold that a wrong digest is refused with nothing changed, and the right one is installed."""
    before = _state(machine)
    told = _play(proof, machine, sha256="0" * 64, **source)
    hold(told.status != 0, f"{source}: a wrong sha256 was taken")
    hold((told.changed, _state(machine)) == (0, before), f"{source}: {_state(machine)}")
    told = _play(proof, machine, "--check", sha256=sha256, **source)
    hold(
        (told.status, _state(machine)) == (0, before), f"{source}: the dry run: {told.text[-300:]}"
    )
    told = _play(proof, machine, sha256=sha256, **source)
    hold((told.status, told.changed) == (0, 2), f"{source}: {told.text[-500:]}")
    hold("install ok installed 16.0sim" in _state(machine), _state(machine))
    told = _play(proof, machine, sha256=sha256, **source)
    hold((told.status, told.changed) == (0, 0), f"{source}: the second run changed {told.changed}")


def library(proof: Proof) -> str:
    """The Edge TPU's library comes from a file or an address, and only if it is the one meant."""
    folder = proof.house / "edgetpu"
    folder.mkdir()
    deb = make_deb(folder)
    sha256 = hashlib.sha256(deb.read_bytes()).hexdigest()
    _brings(proof, proof.pis[0], sha256, src=str(deb))
    with _served(proof, folder) as address:
        _brings(proof, proof.pis[1], sha256, url=f"{address}/{deb.name}")
    return "from a file and from an address; a wrong sha256 refused; the second run changed nothing"
