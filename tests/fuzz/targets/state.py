"""What the agent itself wrote into its state folder, as a worn card brings it back."""

import contextlib
import hashlib
import json
import re
from pathlib import Path

from edgeagent import audit, event, overlay
from edgeagent.accelerators import Ties
from edgeagent.assembly import LAST_GOOD, keep_looking
from edgeagent.clock import ManualClock
from edgeagent.commands import Books
from edgeagent.config import CameraConfig, Config, ModelConfig
from edgeagent.edgetpu import ladder, outcome
from edgeagent.engines.trial import MEMORY, recalled
from edgeagent.errors import EdgeagentError
from edgeagent.findings import Notice
from edgeagent.health import Health
from edgeagent.identity import Identity, begin_boot, client_id
from edgeagent.pauses import Pauses
from edgeagent.probation import Probation
from edgeagent.reckoning import Reckoning
from edgeagent.wire.encodings import encoder
from edgeagent.wire.fields import event_fields
from tests.fuzz.target import Target

from .parcel import laid, packed

NOW_MS = ManualClock().wall_ms() + 1000
KERNEL = "kernel01"


def _told(notice: Notice) -> None:
    json.dumps([notice.what, notice.why])


def _boot(data: bytes, folder: Path) -> None:
    laid(data, folder)
    for _ in range(2):
        boot = begin_boot(folder, KERNEL)
        assert re.fullmatch(r"\d{1,20}-[0-9a-f]{8}", boot.name)
        assert len(boot.previous) <= 36
        boot.end()
    assert re.fullmatch("[0-9a-f]{16}", client_id(folder, folder / "machine-id"))


BOOT = {"n": 41, "boot": "41-0badcafe", "kernel": KERNEL, "clean": False}


def _boots() -> list[bytes]:
    machine = "0123456789abcdef0123456789abcdef\n"
    full = {"boot.json": json.dumps(BOOT), "machine-id": machine, "client-id": "00" * 16}
    return [packed(full), packed({"boot.json": json.dumps({**BOOT, "clean": True})})]


def _clock(data: bytes, folder: Path) -> None:
    (folder / "clock.json").write_bytes(data)
    clock = ManualClock()
    reckoning = Reckoning(clock, KERNEL, folder, _told)
    reckoning.look()
    for kernel in list(reckoning.ahead_ms):
        then = event.When(5000, 5000, False, kernel)
        fields = event_fields(
            event.Event("notice", then), Identity("pi", "41-0badcafe", 7, 7), clock, KERNEL, False,
            reckoning.ahead_ms,
        )  # fmt: skip
        for name in ("json", "cbor", "cloudevents"):
            encoder(name, "edgeagent/pi")("event", fields)


def _clocks() -> list[bytes]:
    return [json.dumps({"kernel00": NOW_MS - 9, KERNEL: NOW_MS}).encode(), b"{}"]


def _orders(data: bytes, folder: Path) -> None:
    laid(data, folder)
    clock = ManualClock()
    books = Books(folder, clock)
    assert isinstance(books.fault, str)
    json.dumps([str(books.head), books.floor_ms])
    asked = {"id": "a1", "exp": clock.wall_ms() + 1000, "camera": "door"}
    with contextlib.suppress(EdgeagentError):
        books.begun("look", asked)
        books.begin("look", asked)
    books.end("look", asked)
    books.refuse("look", asked, "no")
    audit.check(folder)


def _books() -> list[bytes]:
    begun = {"exp": NOW_MS, "ok": True}
    orders = {"floor": NOW_MS - 9, "begun": {"look a1": begun, "look a2": {"exp": NOW_MS}}}
    line = {"n": 1, "prev": audit.NOTHING, "ts": NOW_MS, "tsq": 1, "what": "begun", "do": "look"}
    first = json.dumps(line).encode()
    second = json.dumps({**line, "n": 2, "prev": hashlib.sha256(first).hexdigest()}).encode()
    log = first + b"\n" + second + b"\n"
    return [
        packed({"orders.json": json.dumps(orders), audit.FILE: log}),
        packed({audit.OLDER: first + b"\n", audit.FILE: second + b"\n"}),
    ]


CONFIG = Config(camera=[CameraConfig(name="door", source="synthetic")])


def _overlay(data: bytes, folder: Path) -> None:
    (folder / overlay.FILE).write_bytes(data)
    for ended in ("clean", "power"):
        probation = Probation(CONFIG, None, folder, _told, ManualClock())
        probation.begin(ended)
        probation.upcoming()
        with contextlib.suppress(EdgeagentError):
            probation.judge({"events.threshold": 0.4})
        probation.try_({"events.threshold": 0.4}, "order a2")


def _overlays() -> list[bytes]:
    good = {"values": {"events.threshold": 0.5, "motion.enabled": True}, "by": "order a1"}
    trial = {"values": {"events.threshold": 0.7}, "by": "order a2"}
    return [
        json.dumps({"good": good}).encode(),
        json.dumps({"good": good, "trial": trial}).encode(),
    ]


def _pauses(data: bytes, folder: Path) -> None:
    (folder / "paused.json").write_bytes(data)
    for trusted in (True, False):
        clock = ManualClock()
        clock.is_trusted = trusted
        pauses = Pauses(folder, clock, KERNEL, Health())
        pauses.read(["door", "yard"])
        for camera in ("door", "yard"):
            if camera in pauses:
                json.dumps([pauses.told(camera), pauses.words(camera)])
        pauses.over()
        pauses.end(["yard"])


def _paused() -> list[bytes]:
    ever = {"by": "local", "why": "by somebody at the device"}
    once = {"by": "order", "why": "by order a1", "for_s": 60.5, "until_ms": NOW_MS, "trusted": True,
            "kernel": "kernel00", "end_s": 99.5}  # fmt: skip
    return [json.dumps({"door": ever, "yard": once}).encode(),
            json.dumps({"door": {**once, "kernel": KERNEL}}).encode()]  # fmt: skip


def _memory(data: bytes, folder: Path) -> None:
    for name in (MEMORY, LAST_GOOD):
        (folder / name).write_bytes(data)
    assert all(isinstance(key, str) for key in recalled(folder))
    keep_looking(ModelConfig(name="no-such-model"), folder, Ties())


def _recovery(data: bytes, folder: Path) -> None:
    laid(data, folder)
    found = outcome.read_outcome(folder)
    json.dumps([str(found), found.number if found else 0])
    ladder.answer(folder / "recover.toml", folder / "request", folder)
    assert outcome.read_outcome(folder) is not None


def _recoveries() -> list[bytes]:
    state = json.dumps({"number": 3, "step": 1, "at_s": 55.5})
    told = {"number": 3, "ended": "done", "step": 1, "steps": 2, "name": "reset", "said": "",
            "took_s": 1.5}  # fmt: skip
    return [packed({"state.json": state, "outcome.json": json.dumps(told)})]


TARGETS = [
    Target("boot", _boot, _boots),
    Target("clock", _clock, _clocks),
    Target("orders-kept", _orders, _books),
    Target("overlay", _overlay, _overlays, share=0.2),
    Target("paused", _pauses, _paused),
    Target(
        "memory", _memory, lambda: [b'{"passed": ["a1", "b2"]}', b"/var/lib/edgeagent/models/x\n"]
    ),
    Target("recovery", _recovery, _recoveries),
]
