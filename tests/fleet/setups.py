"""Steps that set the fleet up, hear it, and settle the account at the end."""

import json
import sys

from tests.fleet.host import run, until
from tests.fleet.plays import OPERATOR
from tests.fleet.proof import HUB, PORT, Proof, hold


def install(proof: Proof) -> str:
    """Broker first, for the consumer has to be there before the first event."""
    told = proof.plays.run("site.yml", "--limit", "hub")
    hold(told.status == 0, f"the broker was not set up: {told.text[-300:]}")
    proof.listen()
    told = proof.plays.run("site.yml", "--limit", "edge")
    hold(told.status == 0, f"site.yml: {told.text[-500:]}")
    proof.good = proof.pis[0].release()
    proof.hold_on_all(proof.good)
    return f"{proof.good} on {len(proof.pis)} machines without a network, {told.changed} changes"


def again(proof: Proof) -> str:
    """The second run changes nothing."""
    told = proof.plays.run("site.yml")
    hold((told.status, told.changed) == (0, 0), f"{told.status}, {told.changed} changes")
    return "nothing changed"


def dry(proof: Proof) -> str:
    """A dry run foretells nothing that a run would not do, and does nothing."""
    told = proof.plays.run("site.yml", "--check")
    hold((told.status, told.changed) == (0, 0), f"{told.status}, {told.changed} changes")
    other = proof.plays.settings.with_name("other.toml.j2")
    other.write_text(proof.plays.settings.read_text().replace("every_s = 2", "every_s = 3"))
    told = proof.plays.run("site.yml", "--check", edgeagent_settings=str(other))
    hold((told.status, told.changed) == (0, 6), f"{told.status}, {told.changed} changes, not 6")
    return "nothing to change; new settings: six changes foretold, none made"


def events(proof: Proof) -> str:
    """The consumer hears all three, things among what they say."""

    def heard() -> bool:
        messages = proof.ledger().messages
        return all(
            any(m["dev"] == pi.name and m["k"] == "object" for m in messages) for pi in proof.pis
        )

    hold(until(heard, 60, 0.5), f"heard {[proof.ledger().of(pi.name) for pi in proof.pis]}")
    proof.hold_complete()
    counts = ", ".join(f"{pi.name} {proof.ledger().of(pi.name)}" for pi in proof.pis)
    return f"events {counts}, objects from each"


def rights(proof: Proof) -> str:
    """One device can neither read nor write another's topics, nor what is desired of itself."""
    pki = str(proof.plays.variables["pki_folder"])
    names = (proof.pis[0].name, proof.pis[1].name, OPERATOR)
    command = [*proof.lab.inside, sys.executable, "-m", "tests.fleet.rights"]
    address = proof.lab.machines[HUB].address
    said = json.loads(run(*command, address, PORT, pki, *names))
    wrong = [what for part in said.values() for what, is_so in part.items() if not is_so]
    hold(not wrong, f"not as it should be: {wrong}")
    return f"{len(said['may'])} rights given, {len(said['may not'])} refused"


def stolen(proof: Proof) -> str:
    """A device whose certificate is taken back is not let in; the one in its place is."""
    thief, other = proof.pis[-1].name, proof.pis[0].name
    told = proof.plays.run("revoke.yml", revoked=thief)
    hold(told.status == 0, f"revoke.yml: {told.text[-500:]}")

    def heard(name: str) -> int:
        return proof.ledger().of(name)

    before, others = heard(thief), heard(other)
    # That it is silent would be true of one that only waits for its next attempt, too.
    asked = "journalctl -u edgeagent -n 40 -o cat | grep -i -o 'certificate.*revoked.*' | tail -1"
    hold(
        until(lambda: proof.pis[-1].run(asked, check=False).strip(), 90, 0.5),
        "it does not say that its certificate was taken back",
    )
    hold(until(lambda: heard(other) > others + 2, 60, 0.5), "the others are not let in either")
    hold(heard(thief) == before, f"{heard(thief) - before} events from a stolen device")
    told = proof.plays.run("site.yml", "--limit", thief, "--tags", "edgeagent")
    hold(told.status == 0, f"site.yml: {told.text[-500:]}")
    hold(until(lambda: heard(thief) > before, 90, 0.5), "the one in its place is not let in")
    proof.hold_complete()
    return f"{thief} shut out, {other} not; a new key, and {heard(thief) - before} events since"


def account(proof: Proof) -> str:
    """After all that, nothing is missing."""
    proof.hold_complete()
    book = proof.ledger()
    total = sum(len(boot.seen) for boot in book.boots.values())
    return f"{total} events of {len(book.boots)} boots, none missing, {book.twice} twice"
