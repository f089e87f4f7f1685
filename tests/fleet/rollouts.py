"""Steps that bring releases, settings and models to the devices, good ones and bad ones."""

import re
import threading
import time
from pathlib import Path

from tests.fleet import releases
from tests.fleet.host import run, until
from tests.fleet.lab import Machine
from tests.fleet.plays import Told
from tests.fleet.proof import Proof, Step, hold


def good(proof: Proof) -> str:
    """A good release reaches all, one after the other."""
    version, house = proof.release("good")
    told = proof.plays.run("rollout.yml", edgeagent_wheelhouse=str(house))
    hold(told.status == 0, f"{told.report or told.text[-500:]}")
    proof.good = version
    proof.hold_on_all(version)
    proof.hold_complete()
    return f"{version} on all; " + "; ".join(why for _, _, why in told.report.values())


def bad(fault: str, outcome: str) -> Step:
    """Return the step of a bad release: the canary goes back, the others are not touched."""

    def step(proof: Proof) -> str:
        version, house = proof.release(fault)
        proof.note(proof.pis[1:])
        told = proof.plays.run("rollout.yml", edgeagent_wheelhouse=str(house))
        return held_back(proof, told, version, outcome)

    return step


def held_back(proof: Proof, told: Told, what: str, outcome: str) -> str:
    """Hold that only the canary met ``what``, and that it is as before."""
    canary = told.report.get(proof.pis[0].name, ("", "", ""))
    hold(told.status != 0, f"{what} went out")
    hold(canary[:2] == (proof.good, outcome), f"the canary is {canary}: {told.text[-300:]}")
    proof.hold_untouched()
    proof.hold_on_all(proof.good)
    proof.hold_complete()
    return f"{what} {outcome}: {canary[2][:90]}"


def wrong_settings(proof: Proof) -> str:
    """Settings that are wrong do not get further than the canary, and not into use there."""
    wrong = proof.plays.settings.with_name("wrong.toml.j2")
    wrong.write_text(proof.plays.settings.read_text().replace("every_s = 2", "every_s = -2"))
    proof.note(proof.pis)
    told = proof.plays.run("rollout.yml", edgeagent_settings=str(wrong))
    return held_back(proof, told, "settings", "refused")


def model(proof: Proof) -> str:
    """A bundle goes out on its own; a spoilt one, or one for newer agents, goes nowhere."""
    bundle = _bundle(proof, "good", 0)
    told = proof.plays.run("models.yml", edgeagent_model=str(bundle))
    hold(told.status == 0, f"{told.report or told.text[-500:]}")
    links = [m.root / "opt/edgeagent/models/coco16-320" for m in proof.pis]
    hold(all(link.is_symlink() for link in links), "it is not everywhere")
    bundle = _bundle(proof, "wrong", 1)
    proof.note(proof.pis)
    told = proof.plays.run("models.yml", edgeagent_model=str(bundle))
    said = held_back(proof, told, "another", "refused")
    bundle = _bundle(proof, "newer", 0)
    manifest = bundle / "manifest.toml"
    text = manifest.read_text()
    manifest.write_text(re.sub(r'least_agent = ".*"', 'least_agent = "99.0.0"', text))
    told = proof.plays.run("models.yml", edgeagent_model=str(bundle))
    return f"a bundle on all; {said}; {held_back(proof, told, 'one for newer agents', 'refused')}"


def _bundle(proof: Proof, name: str, flipped: int) -> Path:
    """Return a bundle with a manifest of its own, and one bit of the model turned over or not."""
    folder = proof.house / name / "coco16-320"
    run("mkdir", "-p", folder.parent)
    run("cp", "-R", releases.CHECKOUT / "models/coco16-320", folder)
    manifest = folder / "manifest.toml"
    manifest.write_text(f"# {name}\n{manifest.read_text()}")
    file = folder / "model.tflite"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= flipped
    file.write_bytes(data)
    return folder


def vanishes(proof: Proof) -> str:
    """A device that is not heard of after its switch ends the rollout; it judges itself alone."""
    version, house = proof.release("good")
    canary = proof.pis[0]
    proof.note(proof.pis[1:])
    gone_s: list[float] = []

    def pull() -> None:
        until(lambda: canary.release() == version, 300)
        canary.vanish()
        gone_s.append(time.monotonic())

    thread = threading.Thread(target=pull)
    thread.start()
    told = proof.plays.run("rollout.yml", edgeagent_wheelhouse=str(house))
    thread.join()
    took_s = time.monotonic() - gone_s[0]
    canary.reappear()
    hold(told.status != 0, "the rollout went on")
    hold(told.report.get(canary.name, ("", "", ""))[1] == "vanished", f"{told.report}")
    hold(took_s < 60, f"it took {took_s:.0f} s")
    proof.hold_untouched()
    hold(until(lambda: not _is_unjudged(canary), 120, 1.0), "it did not judge itself")
    proof.hold_releases(version, proof.good, proof.good)
    proof.hold_complete()
    return f"ended {took_s:.0f} s after the cable was pulled; alone it judged {version} good"


def _is_unjudged(machine: Machine) -> bool:
    return (machine.root / "opt/edgeagent/.unjudged").exists()


def away(proof: Proof) -> str:
    """A device that is away before its turn is skipped, and caught up by the next run."""
    version, house = proof.release("good")
    last = proof.pis[-1]
    last.vanish()
    told = proof.plays.run("rollout.yml", edgeagent_wheelhouse=str(house))
    first_s = told.seconds
    last.reappear()
    hold(told.status == 0, f"{told.report or told.text[-500:]}")
    hold(told.report[last.name][1] == "away", f"{told.report}")
    proof.hold_releases(version, version, proof.good)
    proof.note(proof.pis[:2])
    told = proof.plays.run("rollout.yml", edgeagent_wheelhouse=str(house))
    hold(told.status == 0, f"{told.report or told.text[-500:]}")
    proof.hold_untouched()
    proof.good = version
    proof.hold_on_all(version)
    proof.hold_complete()
    return f"{last.name} skipped in {first_s:.0f} s; the next run brought it {version} alone"


def power_cut(proof: Proof) -> str:
    """Power that goes in the middle of an installation leaves a device that boots and works."""
    version, house = proof.release("good")
    victim = proof.pis[-1]
    half = victim.root / "opt/edgeagent/releases" / version / "lib"

    def cut() -> None:
        until(lambda: any(half.rglob("cv2/__init__.py")), 300)
        victim.kill()

    thread = threading.Thread(target=cut)
    thread.start()
    proof.plays.run("rollout.yml", "--limit", f"{victim.name},localhost",
                    edgeagent_wheelhouse=str(house))  # fmt: skip
    thread.join()
    hold(not (half.parent / ".complete").exists(), "it had been installed already")
    victim.boot()
    hold(until(victim.is_up, 180), "it does not boot")
    proof.hold_on_all(proof.good)
    told = proof.plays.run("rollout.yml", edgeagent_wheelhouse=str(house))
    hold(told.status == 0, f"{told.report or told.text[-500:]}")
    before, proof.good = proof.good, version
    proof.hold_on_all(version)
    proof.hold_complete()
    return f"booted into {before}; the next run brought {version} to all"


def back(proof: Proof) -> str:
    """A release is taken back from all by one command."""
    before = proof.pis[0].root / "opt/edgeagent/previous"
    to = before.readlink().name
    told = proof.plays.run("rollback.yml", edgeagent_bad=proof.good)
    hold(told.status == 0, told.text[-500:])
    proof.hold_on_all(to)
    proof.hold_complete()
    proof.good = to
    return f"all run {to} again"
