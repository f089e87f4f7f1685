"""One place for an Edge TPU: finds one that is free, and loads every model on it."""

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from edgeagent.agreement import assert_agrees
from edgeagent.config import ModelConfig
from edgeagent.edgetpu import Device
from edgeagent.edgetpu.recovery import Recovery
from edgeagent.engines import Engine
from edgeagent.engines.child import Delegate, Worker, open_child
from edgeagent.engines.deadline import Deadline
from edgeagent.model import Bundle

Find = Callable[[], Sequence[Device]]
"""Returns the Edge TPUs that can be seen now; cheap."""


def matches(wanted: str, device: Device) -> bool:
    """Return whether the library could open ``device``, and ``wanted`` means it."""
    return device.driven and wanted in ("auto", device.kind, device.name)


class Claims:
    """Which port each berth holds: a device has one owner, and its name changes with its state."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        """Held while one is opened: opening it moves the others' names."""
        self.ports: dict[str, str] = {}
        """Berth to port."""
        self.pleading = threading.Lock()
        """Held by whoever asks for recovery."""


class Plea:
    """Asks for recovery in the name of one device; the request is one for all of them."""

    def __init__(self, recovery: Recovery, turn: threading.Lock, name: str) -> None:
        self._recovery, self._turn, self._name = recovery, turn, name

    def ask(self, why: str) -> None:
        """See `accelerator.Plea.ask`."""
        with self._turn:
            self._recovery.ask(why, self._name)

    def withdraw(self) -> None:
        """See `accelerator.Plea.withdraw`."""
        with self._turn:
            self._recovery.withdraw()


class Berth:
    """One place for a device: finds one that is free, and loads every model on it.

    libedgetpu numbers devices anew whenever one comes, goes or gets its firmware: ``usb:0`` twice
    can be two devices. So what is kept is the port, and its number is looked up for each model.
    """

    def __init__(
        self,
        title: str,
        bundles: Sequence[Bundle],
        spares: Sequence[Engine | None],
        config: ModelConfig,
        find: Find,
        claims: Claims,
    ) -> None:
        """Remember what to load; nothing is opened.

        Args:
            title: unlike any other berth's.
            bundles: all compiled.
            spares: parallel to them, what to compare with.
            config: library, deadlines, and which devices will do.
            find: the devices that can be seen.
            claims: shared with the other berths.
        """
        self._title, self._bundles, self._spares = title, bundles, spares
        self._config, self._find, self._claims = config, find, claims
        self._port = ""
        self._worker = Worker(title, self._delegate, config.runtime, config.threads)

    def port(self) -> str:
        """Return where its device is plugged in, "" where it has had none yet."""
        return self._port

    def present(self) -> bool:
        """Return whether a device for this berth can be seen."""
        return bool(self._free())

    def open(self) -> list[Engine]:
        """Load every model on a free device and compare what it says; see `accelerator.Open`.

        Raises:
            AcceleratorError: with its cause.
            ModelError: a compiled file will not do.
        """
        with self._claims.lock:
            self._claims.ports.pop(self._title, None)
            self._port = self._choice() or self._port
            engines = self._load()
            self._claims.ports[self._title] = self._port
            return engines

    def abandon(self) -> None:
        """End the process, and with it a load under way; for good."""
        # First at once: closing alone would wait for the load.
        self._worker.kill()
        self._worker.close()

    def _free(self) -> list[Device]:
        """Return the devices that will do and that no other berth holds."""
        # Another berth may be changing them.
        claims = list(self._claims.ports.items())
        taken = {port for title, port in claims if title != self._title}
        wanted = self._config.device
        return [
            device
            for device in self._find()
            if device.port not in taken
            and (matches(wanted, device) or (self._port and device.port == self._port))
        ]

    def _choice(self) -> str:
        """Return the port to open: the one it had where that is free, "" where none is seen."""
        ports = [device.port for device in self._free()]
        return self._port if self._port in ports else next(iter(ports), "")

    def _delegate(self) -> Delegate:
        """Return what is to be opened, by its name of this moment."""
        names = [device.name for device in self._find() if device.port == self._port]
        name = next(iter(names), self._config.device)
        return Delegate(self._config.library, {} if name == "auto" else {"device": name})

    def _load(self) -> list[Engine]:
        engines: list[Engine] = []
        with ExitStack() as opened:
            for bundle in self._bundles:
                engine = open_child(bundle, "edgetpu", self._worker, _deadline(self._config))
                opened.callback(engine.close)
                engines.append(engine)
            for loaded, spare in zip(engines, self._spares, strict=True):
                assert_agrees(loaded, spare)
            opened.pop_all()
        return engines


def _deadline(config: ModelConfig) -> Deadline:
    if not config.deadline_s:
        return Deadline(load_s=config.load_s)
    return Deadline(times_p99=0.0, at_least_s=config.deadline_s, load_s=config.load_s)
