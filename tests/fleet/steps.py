"""The steps of the proof, in order: all, and those that every change is put through."""

from tests.fleet import boards, formats, packages, rollouts, setups
from tests.fleet.proof import Step
from tests.fleet.troubles import TROUBLES

FULL: dict[str, Step] = {
    "install": setups.install,
    "install again": setups.again,
    "dry run": setups.dry,
    "Edge TPU's library": boards.library,
    "events": setups.events,
    "rights at the broker": setups.rights,
    "good release": rollouts.good,
    "crashes": rollouts.bad("crash", "rolled back"),
    "never ready": rollouts.bad("never ready", "rolled back"),
    "50 % slower": rollouts.bad("slow", "rolled back"),
    "wrong settings": rollouts.wrong_settings,
    "settings refused by release": rollouts.bad("settings", "refused"),
    "wrong model digest": rollouts.bad("digest", "refused"),
    "model on its own": rollouts.model,
    "vanishes after its switch": rollouts.vanishes,
    "away before its turn": rollouts.away,
    "power cut while installing": rollouts.power_cut,
    "taken back": rollouts.back,
    "new outbox format, crashes": formats.crashes,
    "new outbox format, back": formats.stranded,
    "reads ahead, and back": formats.read_ahead,
    "Debian package": packages.debian,
    **TROUBLES,
    "certificate taken back": setups.stolen,
    "account": setups.account,
}
_QUICK = "install, events, rights at the broker, good release, crashes, wrong model digest, account"
QUICK = {name: FULL[name] for name in _QUICK.split(", ")}
