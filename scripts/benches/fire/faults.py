"""The faults, one by one: what begins, what ends, and what must be seen afterwards."""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from scripts.benches.fire.bed import DEVICE, PEER, Bed
from scripts.benches.fire.broker import FORGOTTEN, KEPT, PORT, ROOMY, until

LOCKED = "allow_anonymous false\npassword_file {folder}/passwords\n"
SOUND = LOCKED + KEPT + ROOMY
NARROW = "max_queued_messages 100000\nacl_file {folder}/acl\n"
SMALL_BYTES = 300
"""Below the agent's motion events (312 bytes), above what the backlog is made of."""
SLOW_BYTES_PER_S = 1500
LOSS, DELAY_S = 0.2, 0.5
ALL = "topic readwrite #"

Act = Callable[[Bed], None]


def nothing(bed: Bed) -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Fault:
    """One line of the table."""

    title: str
    begin: Act
    end: Act = nothing
    settings: str = SOUND
    hold_s: float = 0.0
    """Lasts at least so long, else as long as asked."""
    before: Act = nothing
    """Done before device and peer start."""
    needs_wire: bool = False
    is_its_own_end: bool = False
    """The way back is open from the beginning: the time to come back is counted from there."""
    has_will: bool = False
    """The broker outlives the connection, and must say ``offline``."""
    is_slow: bool = False
    """Live events wait for the network itself: how long is told, not judged."""
    is_refusing: bool = False
    """The broker refuses messages for good: they must be announced, not sent."""


def kill(bed: Bed) -> None:
    """Kill the broker."""
    bed.broker_down(signal.SIGKILL)


def stop(bed: Bed) -> None:
    """Stop the broker as its service would."""
    bed.broker_down(signal.SIGTERM)


def start(bed: Bed) -> None:
    """Start the broker again."""
    bed.broker_up()


def cut(bed: Bed) -> None:
    """Let no packet through."""
    assert bed.wire is not None
    bed.wire.tell(cut=True)


def lose(bed: Bed) -> None:
    """Lose and delay packets, both ways."""
    assert bed.wire is not None
    bed.wire.tell(loss=LOSS, delay_s=DELAY_S)


def forget(bed: Bed) -> None:
    """Drop what belongs to the connections there are; new ones pass."""
    assert bed.wire is not None
    bed.wire.tell(forget=True)


def mend(bed: Bed) -> None:
    """Let all packets through at once."""
    assert bed.wire is not None
    bed.wire.tell()


def slow(bed: Bed) -> None:
    """Read slowly."""
    bed.proxy.bytes_per_s = SLOW_BYTES_PER_S


def swift(bed: Bed) -> None:
    """Read as fast as they write."""
    bed.proxy.bytes_per_s = 0.0


def be_old(bed: Bed) -> None:
    """Refuse MQTT 5."""
    bed.proxy.is_old = True


def widen(bed: Bed) -> None:
    """Lift the broker's bound on packets; it must be started anew for that."""
    stop(bed)
    bed.broker.settings = SOUND.format(folder=bed.broker.folder)
    start(bed)


def lock_out(bed: Bed) -> None:
    """Know other passwords."""
    stop(bed)
    bed.set_passwords("sesame")
    start(bed)


def let_in(bed: Bed) -> None:
    """Know the right ones again."""
    stop(bed)
    bed.set_passwords()
    start(bed)


def forbid(bed: Bed) -> None:
    """Take neither events nor the peer's messages, reason code 135."""
    allowed = "topic write edge/v1/home/pi/status\ntopic write edge/v1/home/pi/info"
    bed.broker.permit(DEVICE, f"{allowed}\ntopic write edge/v1/home/pi/stat\nuser {PEER}")
    bed.broker.reread()


def permit(bed: Bed) -> None:
    """Take all again."""
    bed.broker.permit(DEVICE, f"{ALL}\nuser {PEER}\n{ALL}")
    bed.broker.reread()


def take_over(bed: Bed) -> None:
    """Connect with the ids of device and peer for a while, and come again when thrown out."""
    names = {(visit.client, visit.client) for visit in bed.proxy.visits if visit.client}
    thieves = [_thief(name) for name, _ in names]
    time.sleep(4.0)
    for thief in thieves:
        thief.disconnect()
        thief.loop_stop()


def _thief(name: str) -> Client:
    thief = Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=MQTTProtocolVersion.MQTTv5)
    thief.username_pw_set("ear", "ear")
    thief.connect_async("127.0.0.1", PORT)
    thief.loop_start()
    return thief


def kill_device(bed: Bed) -> None:
    """With the broker away, kill agent and peer, and start them again."""
    stop(bed)
    time.sleep(2.0)
    for party in (bed.agent, bed.peer):
        party.end(signal.SIGKILL)
        party.start()
    until(lambda: False, 1.0)


FAULTS = {
    "killed": Fault("broker killed, its store kept", kill, start),
    "killed-bare": Fault("broker killed, no store", kill, start, LOCKED + FORGOTTEN + ROOMY),
    "restarted": Fault("broker restarted, its store kept", stop, start),
    "restarted-bare": Fault("broker restarted, no store", stop, start, LOCKED + FORGOTTEN + ROOMY),
    "partition": Fault("network cut", cut, mend, hold_s=20, needs_wire=True, has_will=True),
    "loss": Fault(
        "20 % loss, 500 ms delay, both ways", lose, mend, hold_s=15, needs_wire=True, is_slow=True
    ),
    "half-open": Fault(
        "half-open: a router forgot the connection",
        forget,
        hold_s=1,
        needs_wire=True,
        is_its_own_end=True,
        has_will=True,
    ),
    "slow": Fault("broker reads 1500 bytes a second", slow, swift, hold_s=12, is_slow=True),
    "window": Fault("receive-maximum 1", stop, start, SOUND + "max_inflight_messages 1\n"),
    "small": Fault(
        "maximum packet size below our message",
        nothing,
        widen,
        f"{SOUND}max_packet_size {SMALL_BYTES}\n",
        is_refusing=True,
    ),
    "old": Fault("broker knows MQTT 3.1.1 alone", stop, start, before=be_old),
    "password": Fault("refused by password", lock_out, let_in),
    "acl": Fault("refused by ACL, reason 135", forbid, permit, LOCKED + KEPT + NARROW),
    "takeover": Fault("our id taken over by a second client", take_over),
    "device": Fault("broker away, device killed meanwhile", kill_device, start),
}
