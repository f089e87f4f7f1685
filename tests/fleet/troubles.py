"""Steps of trouble on one device: what systemd and the agent do about it, with times."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.fleet.host import until
from tests.fleet.lab import Machine
from tests.fleet.proof import Proof, Step, hold

SMALL_DISK = """\
systemctl stop edgeagent
mount -t tmpfs -o size=1m tmpfs /var/lib/edgeagent
systemctl start edgeagent
"""


def _again_after(machine: Machine, restarts: int, within_s: float) -> float:
    """Return how long it took until the unit was active again, after one more restart."""
    began_s = time.monotonic()
    is_again = until(
        lambda: (
            int(machine.unit("NRestarts") or 0) > restarts
            and machine.unit("ActiveState") == "active"
        ),
        within_s,
        0.2,
    )
    hold(is_again, f"not active again within {within_s:g} s: {machine.unit('StatusText')}")
    return time.monotonic() - began_s


def killed(proof: Proof) -> str:
    """A killed agent is started anew, and says that it was killed."""
    machine = proof.pis[1]
    restarts = int(machine.unit("NRestarts"))
    machine.run("systemctl kill -s KILL edgeagent")
    took_s = _again_after(machine, restarts, 30)
    proof.hold_complete()
    return f"active again after {took_s:.1f} s (RestartSec=3)"


def stalled(proof: Proof) -> str:
    """An agent that does not feed the watchdog is killed and started anew."""
    machine = proof.pis[1]
    restarts = int(machine.unit("NRestarts"))
    machine.run("systemctl kill -s STOP edgeagent")
    took_s = _again_after(machine, restarts, 120)
    proof.hold_complete()
    return f"active again after {took_s:.1f} s (WatchdogSec=60, TimeoutStopSec=10)"


@contextmanager
def _settings(machine: Machine, old: str, new: str) -> Iterator[None]:
    """Run with other settings for a while."""
    path = machine.root / "etc/edgeagent/edgeagent.toml"
    text = path.read_text()
    path.write_text(text.replace(old, new))
    machine.run("systemctl restart edgeagent")
    try:
        yield
    finally:
        path.write_text(text)
        machine.run("systemctl restart edgeagent")


def _heard(proof: Proof, machine: Machine, kind: str) -> Callable[[], bool]:
    return lambda: any(m["k"] == kind and m["dev"] == machine.name for m in proof.ledger().messages)


def hung_camera(proof: Proof) -> str:
    """A camera that hangs is said to be lost; the agent stays up, and the watchdog is fed."""
    machine = proof.pis[1]
    machine.run("test -p /srv/hangs || mkfifo -m 666 /srv/hangs")
    with _settings(machine, "/srv/clip.mp4", "/srv/hangs"):
        began_s = time.monotonic()
        is_said = until(_heard(proof, machine, "camera_lost"), 60, 0.5)
        took_s = time.monotonic() - began_s
        hold(is_said, "nobody was told")
        time.sleep(5)
        hold(machine.unit("ActiveState") == "active", "the agent did not stay up")
    proof.hold_complete()
    return f"camera_lost after {took_s:.1f} s (stall_s=10), the agent stays up"


def full_disk(proof: Proof) -> str:
    """A full disk is said; events go on, and nothing is lost that was numbered."""
    machine = proof.pis[1]
    machine.run(SMALL_DISK)
    machine.run("cat /dev/zero >> /var/lib/edgeagent/filler", check=False)
    began_s = time.monotonic()
    is_said = until(_heard(proof, machine, "disk_full"), 120, 0.5)
    took_s = time.monotonic() - began_s
    state = machine.unit("ActiveState")
    machine.run("systemctl stop edgeagent; umount /var/lib/edgeagent; systemctl start edgeagent")
    hold(is_said, "nobody was told")
    hold(state == "active", f"the agent was {state}")
    return f"disk_full after {took_s:.1f} s, the agent stays up"


def no_credential(proof: Proof) -> str:
    """Without its key the agent does not start, says which file, and is not started in vain."""
    machine = proof.pis[1]
    key = "/etc/edgeagent/credentials/mqtt.key"
    machine.run(f"mv {key} /root/kept; systemctl restart edgeagent", check=False)
    until(lambda: machine.unit("ActiveState") != "activating", 20)
    time.sleep(8)
    state, status = machine.unit("ActiveState"), machine.unit("ExecMainStatus")
    said = machine.run(
        "journalctl -u edgeagent -n 20 -o cat | grep mqtt.key | tail -1", check=False
    )
    machine.run(
        f"mv /root/kept {key}; systemctl reset-failed edgeagent; systemctl restart edgeagent"
    )
    hold("mqtt.key" in said, f"{state}, status {status}, and not a word of the file")
    proof.hold_complete()
    return f"{state}, status {status}: {said[:80]}"


TROUBLES: dict[str, Step] = {
    "kill -9": killed,
    "stalled watchdog": stalled,
    "hung camera": hung_camera,
    "full disk": full_disk,
    "unreadable credential": no_credential,
}
