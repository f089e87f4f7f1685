"""Steps of trouble on one device: what systemd and the agent do about it, with times."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.fleet.host import until
from tests.fleet.lab import Machine
from tests.fleet.proof import Proof, Step, hold

HANGS = """\
import socket, time
listener = socket.create_server(("127.0.0.1", 8554))
kept = []
while True: kept.append(listener.accept())
"""
"""A camera that is there, and says nothing."""
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
    took_s = _again_after(machine, restarts, 90)
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
    """A network camera that takes a connection and then hangs is said to be lost."""
    machine = proof.pis[1]
    machine.run(f"systemd-run --unit=hangs python3 -c '{HANGS}'")
    with _settings(machine, "/srv/clip.mp4", "rtsp://127.0.0.1:8554/hangs"):
        began_s = time.monotonic()
        is_said = until(_heard(proof, machine, "camera_lost"), 60, 0.5)
        took_s = time.monotonic() - began_s
        hold(is_said, "nobody was told")
        time.sleep(5)
        hold(machine.unit("ActiveState") == "active", "the agent did not stay up")
    machine.run("systemctl stop hangs")
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


def no_key(proof: Proof) -> str:
    """Without its key the agent watches on, says which file, and keeps all in its outbox."""
    machine = proof.pis[1]
    key = "/etc/edgeagent/credentials/mqtt.key"
    machine.run(f"mv {key} /root/kept; systemctl restart edgeagent")
    said = "journalctl -u edgeagent -n 20 -o cat | grep -o '[^ ]*mqtt.key.*' | tail -1"
    is_said = until(lambda: machine.run(said, check=False), 60)
    time.sleep(5)
    state, why = machine.unit("ActiveState"), machine.run(said, check=False)
    machine.run(f"mv /root/kept {key}; systemctl restart edgeagent")
    hold(is_said and state == "active", f"{state}: {why}")
    proof.hold_complete()
    return f"{state}, all kept and sent later: {why[:90]}"


def no_credentials(proof: Proof) -> str:
    """Without the folder of its secrets systemd does not start it, and tries until it is there."""
    machine = proof.pis[1]
    folder = "/etc/edgeagent/credentials"
    machine.run(f"mv {folder} /root/kept; systemctl restart edgeagent", check=False)
    until(lambda: machine.unit("ExecMainStatus") == "243", 60)
    status = machine.unit("ExecMainStatus")
    began_s = time.monotonic()
    machine.run(f"mv /root/kept {folder}")
    is_back = until(lambda: machine.unit("ActiveState") == "active", 90, 0.2)
    took_s = time.monotonic() - began_s
    hold(status == "243" and is_back, f"status {status}, back {is_back}")
    proof.hold_complete()
    return f"status 243 (CREDENTIALS); active {took_s:.1f} s after the folder was back"


TROUBLES: dict[str, Step] = {
    "kill -9": killed,
    "stalled watchdog": stalled,
    "hung camera": hung_camera,
    "full disk": full_disk,
    "a credential is missing": no_key,
    "no credentials at all": no_credentials,
}
