"""What each fault of the plan does to the home: its begin, its middle, its end."""

import signal
from collections.abc import Callable
from dataclasses import dataclass

from scripts.benches.fire import faults
from scripts.benches.fire.bed import Bed
from scripts.benches.fire.broker import FORGOTTEN, ROOMY
from scripts.benches.fire.faults import LOCKED, SOUND
from scripts.benches.week.home import Home

DAY_S = 86400
LOSSY = 0.6
"""Share of packets that a bad link loses: hardly anything gets through."""

Act = Callable[[Home], None]


@dataclass(frozen=True)
class Doing:
    """One kind of fault."""

    begin: Act
    end: Act
    middle: Act = faults.nothing
    leaves: tuple[str, ...] = ()
    """Kinds of event that must be heard after it, else it never happened to the agent."""


def _told(loss: float = 0.0, delay_s: float = 0.0) -> Callable[[Bed], None]:
    def tell(bed: Bed) -> None:
        assert bed.wire is not None
        bed.wire.tell(loss=loss, delay_s=delay_s)

    return tell


def _upgraded(home: Home) -> None:
    """Be a broker that knows MQTT 5 and takes fewer messages at once."""
    home.proxy.is_old = False
    home.broker.settings = SOUND.format(folder=home.broker.folder) + "max_inflight_messages 10\n"
    faults.start(home)


def _without_store(home: Home) -> None:
    home.broker.settings = LOCKED.format(folder=home.broker.folder) + FORGOTTEN + ROOMY
    faults.start(home)


def _killed(is_kernel_new: bool) -> Act:
    return lambda home: home.reboot(is_kernel_new)


def _hidden(home: Home) -> None:
    home.clip.rename(home.clip.with_suffix(".away"))


def _shown(home: Home) -> None:
    home.clip.with_suffix(".away").rename(home.clip)


def _crash(home: Home) -> None:
    home.broker_down(signal.SIGKILL)


DOINGS = {
    "cut": Doing(faults.cut, faults.mend),
    "long cut": Doing(faults.cut, faults.mend, leaves=("gap",)),
    "lossy": Doing(_told(LOSSY), faults.mend),
    "forgotten": Doing(faults.forget, faults.mend),
    "slow evening": Doing(_told(faults.LOSS, faults.DELAY_S), faults.mend),
    "killed": Doing(_killed(False), faults.nothing, leaves=("start killed",)),
    "killed in the dark": Doing(faults.cut, faults.mend, _killed(False), leaves=("start killed",)),
    "new kernel": Doing(_killed(True), faults.nothing, leaves=("start power",)),
    "new kernel in the dark": Doing(
        faults.cut, faults.mend, _killed(True), leaves=("start power",)
    ),
    "broker upgraded": Doing(faults.stop, _upgraded),
    "broker forgets": Doing(_crash, _without_store),
    "disk full": Doing(
        lambda home: home.card.fill(),
        lambda home: home.card.free(),
        # Not disk_back: it is said after a while, and an agent may be killed before.
        leaves=("disk_full",),
    ),
    "clock": Doing(lambda home: home.set_clock(DAY_S), lambda home: home.set_clock(0)),
    "camera lost": Doing(_hidden, _shown, leaves=("camera_lost",)),
    "reload": Doing(lambda home: home.change_settings(), faults.nothing, leaves=("config_read",)),
}
