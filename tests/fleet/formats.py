"""Steps across a change of the outbox's format: what a release stored and another cannot read."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.fleet.host import until
from tests.fleet.lab import Machine
from tests.fleet.proof import HUB, Proof, hold
from tests.fleet.rollouts import held_back

KEPT = 5
"""Events that are to lie in each outbox while the broker is away."""
Named = set[tuple[str, str, int]]
"""Device, boot and seq of events."""


@contextmanager
def _no_broker(proof: Proof) -> Iterator[None]:
    """Have the broker away for a while: what happens is kept in the outboxes."""
    hub = proof.lab.machines[HUB]
    hub.run("systemctl stop mosquitto")
    try:
        yield
    finally:
        hub.run("systemctl start mosquitto")


def _pending(machine: Machine) -> int:
    said = machine.run("RUNTIME_DIRECTORY=/run/edgeagent edgeagent status --json", check=False)
    return int(json.loads(said)["outbox"]["pending"]) if said else 0


def _named(proof: Proof) -> Named:
    """Return what gaps said to be kept in another format."""
    return {
        (m["dev"], m.get("of", m["boot"]), seq)
        for m in proof.ledger().messages
        if m["k"] == "gap" and m["why"] == "format"
        for seq in range(m["from"], m["to"] + 1)
    }


def _not_heard(proof: Proof, named: Named) -> Named:
    boots = proof.ledger().boots
    return {(dev, boot, seq) for dev, boot, seq in named if seq not in boots[dev, boot].seen}


def _roll_out(proof: Proof, fault: str) -> tuple[str, dict[str, object]]:
    version, house = proof.release(fault)
    wanted: dict[str, object] = {"edgeagent_wheelhouse": str(house)}
    _have(proof, version, wanted)
    return version, wanted


def _have(proof: Proof, version: str, wanted: dict[str, object]) -> None:
    told = proof.plays.run("rollout.yml", **wanted)
    hold(told.status == 0, f"{told.report or told.text[-500:]}")
    proof.hold_on_all(version)
    proof.hold_complete()


def _take_back(proof: Proof, bad: str, good: str) -> None:
    """Take a release back while the broker is away and some events are kept."""
    with _no_broker(proof):
        for machine in proof.pis:
            hold(until(lambda m=machine: _pending(m) >= KEPT, 60, 1.0), "nothing is kept")  # type: ignore[misc]
        told = proof.plays.run("rollback.yml", edgeagent_bad=bad)
        hold(told.status == 0, told.text[-500:])
        proof.hold_on_all(good)
    proof.hold_complete(60)


def stranded(proof: Proof) -> str:
    """What a newer format kept is told by the release before, and sent when the newer is back."""
    before, told_before = proof.good, _named(proof)
    version, wanted = _roll_out(proof, "format")
    _take_back(proof, version, before)
    canary = proof.pis[0]
    devices = {machine.name for machine in proof.pis}
    hold(
        until(lambda: {dev for dev, *_ in _named(proof) - told_before} == devices, 60, 0.5),
        f"not all told what they keep: {_named(proof) - told_before}",
    )
    named = _named(proof) - told_before
    status = canary.unit("StatusText")
    hold("wait for one that reads it" in status, f"the status is {status!r}")
    _have(proof, version, wanted)
    hold(
        until(lambda: not _not_heard(proof, named), 60, 0.5),
        f"never came: {sorted(_not_heard(proof, named))[:5]}",
    )
    status = canary.unit("StatusText")
    hold("outbox" not in status, f"the status is {status!r}")
    told = proof.plays.run("rollback.yml", edgeagent_bad=version)
    hold(told.status == 0, told.text[-500:])
    proof.hold_on_all(before)
    proof.hold_complete()
    return f"taken back to {before}: {len(named)} events named; all came when {version} was back"


def read_ahead(proof: Proof) -> str:
    """Back to a release that reads the newer format already, nothing waits."""
    ahead, _ = _roll_out(proof, "reads ahead")
    version, _ = _roll_out(proof, "format")
    told_before = _named(proof)
    _take_back(proof, version, ahead)
    proof.good = ahead
    hold(_named(proof) == told_before, f"{len(_named(proof) - told_before)} events wait")
    return f"{version} taken back to {ahead}: all that {version} kept was sent by {ahead}"


def crashes(proof: Proof) -> str:
    """A newer format that crashes with events kept goes back; they are told of, each."""
    version, house = proof.release("format, crash")
    told_before, canary, hub = _named(proof), proof.pis[0], proof.lab.machines[HUB]

    def cut() -> None:
        until(lambda: canary.release() == version, 300)
        hub.run("systemctl stop mosquitto")

    proof.note(proof.pis[1:])
    thread = threading.Thread(target=cut)
    thread.start()
    told = proof.plays.run("rollout.yml", edgeagent_wheelhouse=str(house))
    thread.join()
    hub.run("systemctl start mosquitto")
    said = held_back(proof, told, version, "rolled back")
    hold(
        until(lambda: {dev for dev, *_ in _named(proof) - told_before} == {canary.name}, 60, 0.5),
        f"{canary.name} did not tell what it keeps",
    )
    return f"{said}; {len(_named(proof) - told_before)} events named"
