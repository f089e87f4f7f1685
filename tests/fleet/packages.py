"""The step of the Debian package: up, down, with settings that do not fit, and away."""

from pathlib import Path

from tests.fleet.host import run, until
from tests.fleet.lab import Machine
from tests.fleet.proof import HUB, Proof, hold
from tests.fleet.releases import CHECKOUT

SETTINGS = """\
[[camera]]
name = "clip"
source = "video"
address = "/srv/clip.mp4"
loop = true
[motion]
every_s = 2
[mqtt]
host = "nowhere.example"
username = "hub"
password_file = "credential:mqtt.password"
"""
"""With a secret that only the unit's credentials have, and a broker that is never there."""
ETC, BOOTS = "etc/edgeagent", "ls /var/lib/edgeagent/outbox | cut -d. -f2 | sort -u | grep -c -"


def _deb(wheelhouse: Path) -> Path:
    """Return the package of a wheelhouse."""
    architecture = run("dpkg", "--print-architecture").strip()
    told = run(CHECKOUT / "scripts/deb", "--arch", architecture, "--wheelhouse", wheelhouse,
               within_s=600)  # fmt: skip
    return CHECKOUT / told.rpartition("\n")[0].rpartition("\n")[2].partition(":")[0]


def _install(machine: Machine, deb: Path) -> str:
    """Install a package as an owner does; return what it said."""
    (machine.root / "srv" / deb.name).write_bytes(deb.read_bytes())
    command = f"apt-get install -q -y --allow-downgrades /srv/{deb.name} 2>&1"
    told = machine.run(f"DEBIAN_FRONTEND=noninteractive {command}")
    (machine.root / "srv" / deb.name).unlink()
    return told


def _runs(machine: Machine, version: str) -> str:
    """Hold that this version runs; return its process."""
    hold(until(lambda: machine.unit("ActiveState") == "active", 60, 0.5), "it does not run")
    process = machine.unit("MainPID")
    link = machine.run(f"readlink -f /opt/edgeagent/current; tr '\\0' ' ' </proc/{process}/cmdline")
    hold(f"releases/{version}" in link, f"not {version} runs: {link}")
    return process


def debian(proof: Proof) -> str:
    """A .deb is installed, replaced by a newer and by the older one, removed and purged."""
    hub = proof.lab.machines[HUB]
    version, house = proof.release("good")
    old, new = _deb(proof.house / "first"), _deb(house)
    _install(hub, old)
    (hub.root / ETC / "credentials/mqtt.password").write_text("secret\n")
    (hub.root / ETC / "credentials/mqtt.password").chmod(0o600)
    (hub.root / ETC / "edgeagent.toml").write_text(SETTINGS)
    hub.run("systemctl restart edgeagent")
    first = old.name.split("_")[1].partition("~")[0]
    process = _runs(hub, first)
    boots = int(hub.run(BOOTS))
    said = _install(hub, new)
    hold(_runs(hub, version) != process, f"{version} was not started: {said}")
    _install(hub, old)
    process = _runs(hub, first)
    hold(int(hub.run(BOOTS)) == boots + 2, "the outbox was not kept")
    (hub.root / ETC / "edgeagent.toml").write_text("wrong = 1\n")
    said = _install(hub, new)
    hold("mend /etc/edgeagent/edgeagent.toml" in said, f"wrong settings were taken: {said}")
    hold(hub.unit("MainPID") == process, "what ran was stopped")
    hub.run("apt-get remove -q -y edgeagent 2>&1")
    left = sorted(path.name for path in (hub.root / ETC).iterdir())
    hold(left == ["credentials", "edgeagent.toml"], f"left after removal: {left}")
    hub.run("apt-get purge -q -y edgeagent 2>&1")
    places = ("etc/edgeagent", "var/lib/edgeagent", "opt/edgeagent", "usr/bin/edgeagent")
    left = [place for place in places if (hub.root / place).exists()]
    hold(not left, f"left after the purge: {left}")
    return f"{first}, {version} and {first} again, outbox kept; wrong settings told; purged whole"
