"""Machines that really boot: Debian under systemd-nspawn, on one bridge in a network of their own.

Each is an overlay on one root, so that a machine costs what it writes. Nothing here is reachable
from outside, and none of it reaches out: the installations that are proved have no network.
"""

import fcntl
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.fleet.host import LabError, make_root, run, until

HERE = Path(__file__).parent
LOCK = Path("/run/edgefleet.lock")
"""One lab a host, wherever it keeps its files: machines and networks have the same names."""
NET = "edgefleet"
"""The network namespace with the bridge: consumer, ansible and ssh run in it."""
SUBNET = "10.77.0."


class Machine:
    """One of them. Its files can be seen from outside below ``root``, running or not."""

    def __init__(self, lab: "Lab", name: str, number: int) -> None:
        self.name = name
        self.address = f"{SUBNET}{number}"
        self.folder = lab.folder / name
        self.root = self.folder / "root"
        self._lab = lab
        self._id = f"{NET}-{name}"
        self._port = f"p-{name}"
        self._nspawn: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """Give it a network, and a file system with our key in it."""
        run("ip", "netns", "add", self._id)
        run("ip", "-n", self._id, "link", "set", "lo", "up")
        run("ip", "link", "add", "eth0", "netns", self._id, "type", "veth",
            "peer", "name", self._port, "netns", NET)  # fmt: skip
        run("ip", "-n", NET, "link", "set", self._port, "master", "br0", "up")
        run("ip", "-n", self._id, "addr", "add", f"{self.address}/24", "dev", "eth0")
        run("ip", "-n", self._id, "link", "set", "eth0", "up")
        for part in ("upper", "work", "root"):
            (self.folder / part).mkdir(parents=True)
        lower, upper, work = self._lab.base, self.folder / "upper", self.folder / "work"
        run("mount", "-t", "overlay", "overlay", "-o",
            f"lowerdir={lower},upperdir={upper},workdir={work}", self.root)  # fmt: skip
        self._furnish()

    def _furnish(self) -> None:
        ssh = self.root / "root/.ssh"
        ssh.mkdir(mode=0o700, exist_ok=True)
        shutil.copy(self._lab.folder / "key.pub", ssh / "authorized_keys")
        (self.root / "etc/hostname").write_text(f"{self.name}\n")
        (self.root / "etc/machine-id").write_text(f"{os.urandom(16).hex()}\n")
        (self.root / "etc/hosts").write_text(self._lab.hosts())

    def boot(self) -> None:
        """Power on; returns at once."""
        with (self.folder / "console").open("ab") as console:
            self._nspawn = subprocess.Popen(
                ["sh", HERE / "boot.sh", self._id, self.name, self.root],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def is_up(self) -> bool:
        """Return whether it can be reached by ssh."""
        return self._ssh("true").returncode == 0

    def _ssh(self, command: str) -> subprocess.CompletedProcess[str]:
        argv = [*self._lab.inside, "ssh", *self._lab.ssh_options, f"root@{self.address}", command]
        return subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)

    def run(self, command: str, check: bool = True) -> str:
        """Run a shell command in it, over ssh.

        Raises:
            LabError: it failed.
        """
        told = self._ssh(command)
        if check and told.returncode:
            raise LabError(f"{self.name}: {command}: {told.returncode}: {told.stderr.strip()}")
        return told.stdout.strip()

    def unit(self, what: str, unit: str = "edgeagent.service") -> str:
        """Return one property of a unit."""
        return self.run(f"systemctl show -P {what} {unit}", check=False)

    def release(self) -> str:
        """Return the release that is current; "" where there is none."""
        link = self.root / "opt/edgeagent/current"
        return link.readlink().name if link.is_symlink() else ""

    def vanish(self) -> None:
        """Pull its network cable."""
        run("ip", "-n", NET, "link", "set", self._port, "down")

    def reappear(self) -> None:
        """Plug it in again."""
        run("ip", "-n", NET, "link", "set", self._port, "up")

    def kill(self) -> None:
        """Cut its power. Killing systemd-nspawn itself would leave what is inside alive."""
        if self._nspawn is None:
            return
        leader = _leader(self._nspawn.pid)
        os.kill(leader or self._nspawn.pid, signal.SIGKILL)
        self._nspawn.wait(20)
        self._nspawn = None


def _leader(nspawn: int) -> int | None:
    """Return the machine's process 1, as the host numbers it."""
    for path in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":\t", 1) for line in path.read_text().splitlines())
        except (OSError, ValueError):
            continue
        if fields.get("PPid") == str(nspawn) and fields.get("NSpid", "").endswith("\t1"):
            return int(fields["Pid"])
    return None


class Lab:
    """All of them. Enter it to have it; what a killed run left behind is removed first."""

    def __init__(self, cache: Path, names: Sequence[str]) -> None:
        self.folder = cache / "fleet"
        self.base = make_root(cache)
        self.inside = ["ip", "netns", "exec", NET]
        self.ssh_options = [
            "-i", str(self.folder / "key"), "-o", "BatchMode=yes",
            "-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={self.folder}/known",
            "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=2", "-o", "ServerAliveInterval=5",
        ]  # fmt: skip
        self.machines = {name: Machine(self, name, 11 + n) for n, name in enumerate(names)}
        self._lock = LOCK.open("w")

    def hosts(self) -> str:
        """Return the names of all, as /etc/hosts has them."""
        lines = [f"{m.address} {m.name}\n" for m in self.machines.values()]
        return "".join(["127.0.0.1 localhost\n", *lines])

    def __enter__(self) -> Self:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LabError(f"{LOCK}: another proof is under way on this host") from None
        clear(self.folder)
        try:
            self._make()
        except BaseException:
            clear(self.folder)
            raise
        return self

    def _make(self) -> None:
        self.folder.mkdir(parents=True)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / "key")
        run("ip", "netns", "add", NET)
        run("ip", "-n", NET, "link", "set", "lo", "up")
        run("ip", "-n", NET, "link", "add", "br0", "type", "bridge")
        run("ip", "-n", NET, "addr", "add", f"{SUBNET}1/24", "dev", "br0")
        run("ip", "-n", NET, "link", "set", "br0", "up")
        for machine in self.machines.values():
            machine.make()
            machine.boot()
        for machine in self.machines.values():
            if not until(machine.is_up, 180):
                raise LabError(f"{machine.name} does not boot: see {machine.folder}/console")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        clear(self.folder)
        self._lock.close()


def clear(folder: Path) -> None:
    """End every machine, ours or of a killed run, and remove all they had."""
    for nspawn in _nspawns():
        os.kill(_leader(nspawn) or nspawn, signal.SIGKILL)
    until(lambda: not _nspawns(), 10)
    for mount in folder.glob("*/root"):
        if os.path.ismount(mount):
            run("umount", "-l", mount)
    for line in run("ip", "netns", "list").splitlines():
        name = line.split()[0]
        if name == NET or name.startswith(f"{NET}-"):
            run("ip", "netns", "del", name)
    shutil.rmtree(folder, ignore_errors=True)


def _nspawns() -> list[int]:
    """Return the processes that hold machines of this lab; zombies hold none."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            argv = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if argv[0].endswith(b"systemd-nspawn") and any(
            word.startswith(f"--machine={NET}-".encode()) for word in argv
        ):
            found.append(int(path.parent.name))
    return found
