"""A certificate authority of our own, by the openssl program, for certificates of every kind."""

import shutil
import subprocess
from pathlib import Path

SETTINGS = """\
[ca]
default_ca = own
[own]
database = {folder}/index
serial = {folder}/serial
new_certs_dir = {folder}
certificate = {folder}/ca.pem
private_key = {folder}/ca.key
default_md = sha256
default_crl_days = 2
policy = any
unique_subject = no
[any]
commonName = supplied
"""
KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
LONG_AGO = ("20200101000000Z", "20200201000000Z")
FAR_OFF = ("20900101000000Z", "20990101000000Z")
NOW = ("20200101000000Z", "20990101000000Z")


def missing() -> str:
    """Return what is not installed, for a skip."""
    return "" if shutil.which("openssl") else "needs openssl: sudo apt install openssl"


class Authority:
    """Signs certificates; all it makes lies in its folder, readable for the broker."""

    def __init__(self, folder: Path, name: str = "test CA") -> None:
        folder.mkdir()
        self._folder = folder
        self.ca = folder / "ca.pem"
        (folder / "ca.cnf").write_text(SETTINGS.format(folder=folder))
        (folder / "index").touch()
        (folder / "serial").write_text("01\n")
        self._run("req", "-x509", *KEY, "-days", "2", "-keyout", "ca.key", "-out", "ca.pem",
                  "-subj", f"/CN={name}")  # fmt: skip
        self.ca.chmod(0o644)

    def sign(self, name: str, host: str = "IP:127.0.0.1", dates: tuple[str, str] = NOW) -> Path:
        """Return a certificate for ``host``; its key is beside it, ``.key``."""
        subject = ["-subj", f"/CN={name}"]
        self._run("req", *KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr", *subject)
        (self._folder / "names").write_text(f"subjectAltName={host}\n")
        begin, end = dates
        self._ca("-in", f"{name}.csr", "-out", f"{name}.pem", "-notext", "-extfile", "names",
                 "-startdate", begin, "-enddate", end)  # fmt: skip
        return self._opened(name)

    def self_signed(self, name: str) -> Path:
        """Return a certificate that nobody vouches for."""
        names = ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
        files = ["-keyout", f"{name}.key", "-out", f"{name}.pem"]
        self._run("req", "-x509", *KEY, "-days", "2", *files, *names)
        return self._opened(name)

    def _opened(self, name: str) -> Path:
        for kind in ("pem", "key"):
            (self._folder / f"{name}.{kind}").chmod(0o644)
        return self._folder / f"{name}.pem"

    def revoke(self, certificate: Path) -> Path:
        """Revoke it; return the list that says so."""
        self._ca("-revoke", certificate.name)
        return self.revocations()

    def revocations(self, dates: tuple[str, str] | None = None) -> Path:
        """Return the list of all that is revoked, as it is on the ``dates`` if there are any."""
        bounds = ["-crl_lastupdate", dates[0], "-crl_nextupdate", dates[1]] if dates else []
        self._ca("-gencrl", "-out", "crl.pem", *bounds)
        (self._folder / "crl.pem").chmod(0o644)
        return self._folder / "crl.pem"

    def _ca(self, *words: str) -> None:
        self._run("ca", "-config", "ca.cnf", "-batch", *words)

    def _run(self, *words: str) -> None:
        subprocess.run(["openssl", *words], check=True, cwd=self._folder, capture_output=True)
