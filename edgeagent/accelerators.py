"""Puts the models on the Edge TPUs that the settings name, each with the CPU to fall back on."""

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from edgeagent.agreement import assert_agrees
from edgeagent.clock import Clock, SystemClock
from edgeagent.config import ModelConfig
from edgeagent.edgetpu import Device, find_devices
from edgeagent.edgetpu.recovery import Recovery
from edgeagent.engines import Engine, Tell, nobody
from edgeagent.engines.accelerator import NO_PLEA, Accelerator
from edgeagent.engines.child import Delegate, Worker, open_child
from edgeagent.engines.deadline import Deadline
from edgeagent.engines.failover import Failover
from edgeagent.engines.pool import Pool
from edgeagent.errors import BundleError
from edgeagent.health import Health
from edgeagent.model import Bundle

Find = Callable[[], Sequence[Device]]
"""Returns the Edge TPUs that can be seen now; cheap."""


@dataclass(frozen=True, slots=True)
class Ties:
    """What the engines are tied to for as long as they live."""

    tell: Tell = nobody
    """Hears what happens to them."""
    health: Health = field(default_factory=Health)
    clock: Clock = field(default_factory=SystemClock)
    find: Find = find_devices
    recovery: Recovery | None = None
    """Asked, where there is one, to have a device's power cut that will not be opened."""


def wants_accelerator(config: ModelConfig, bundles: Sequence[Bundle]) -> bool:
    """Return whether any of ``bundles`` is to run on an Edge TPU.

    Raises:
        BundleError: an Edge TPU is named, and no bundle is compiled for one.
    """
    if config.device in ("cpu", "scripted") or not bundles:
        return False
    if any("edgetpu" in bundle.files for bundle in bundles):
        return True
    if config.device == "auto":
        return False
    raise BundleError(
        f"{bundles[0].folder}: files.edgetpu: missing; [model] device = {config.device!r} wants a "
        'file compiled for the Edge TPU. Deploy a bundle that has one, or set device = "auto"'
    )


def open_accelerated(
    bundles: Sequence[Bundle],
    config: ModelConfig,
    open_cpu: Callable[[Bundle], Engine],
    ties: Ties,
) -> tuple[list[Engine], list[Accelerator]]:
    """Open every bundle on the CPU, and prepare every Edge TPU that ``config`` names for it.

    Args:
        bundles: at least one of them compiled; one that is not runs on the CPU alone.
        config: the ``[model]`` table.
        open_cpu: opens a bundle's ``cpu`` file.
        ties: what they are tied to.

    Returns:
        An engine for each bundle, which begins on the CPU, and what is to be started for it to
        come to an Edge TPU: not before whoever holds that has let go of it.

    Raises:
        ModelError: the CPU's side of a bundle will not do.
    """
    compiled = [bundle for bundle in bundles if "edgetpu" in bundle.files]
    spares = {b.name: open_cpu(b) for b in bundles if b not in compiled or config.fallback == "cpu"}
    berths = [spares.get(bundle.name) for bundle in compiled]
    accelerators = _accelerators(compiled, berths, config, ties)
    engines = [
        _shared(bundle, spares.get(bundle.name), accelerators, ties, compiled.index(bundle))
        if bundle in compiled
        else spares[bundle.name]
        for bundle in bundles
    ]
    return engines, accelerators


def _shared(
    bundle: Bundle, spare: Engine | None, accelerators: list[Accelerator], ties: Ties, number: int
) -> Engine:
    """Return one engine for ``bundle`` on all ``accelerators``."""
    engines = [Failover(bundle, spare, one, ties.clock, number) for one in accelerators]
    return engines[0] if len(engines) == 1 else Pool(engines, _is_lost)


def _is_lost(engine: Engine) -> bool:
    return isinstance(engine, Failover) and engine.is_lost


def _accelerators(
    bundles: Sequence[Bundle], spares: Sequence[Engine | None], config: ModelConfig, ties: Ties
) -> list[Accelerator]:
    found = [device for device in ties.find() if _matches(config.device, device)]
    names = [device.name for device in found]
    if len(names) < 2:
        # A single one keeps its name from the settings, wherever it is plugged in.
        names = names if names and config.device == "auto" else [config.device]
    claims = _Claims()
    accelerators = []
    for name in names:
        berth = Berth(name, bundles, spares, config, ties.find, claims)
        accelerators.append(
            Accelerator(
                "tpu" if name == "auto" else name,
                berth.open,
                ties.tell,
                ties.health,
                ties.clock,
                users=len(bundles),
                longest_s=config.retry_s,
                present=berth.present,
                expected=bool(found) or config.device != "auto",
                abandon=berth.abandon,
                port=berth.port,
                plea=Plea(ties.recovery, claims.pleading, name) if ties.recovery else NO_PLEA,
            )
        )
    return accelerators


def ports(config: ModelConfig, bundles: Sequence[Bundle], find: Find = find_devices) -> list[str]:
    """Return where the Edge TPUs are that `open_accelerated` would open for ``bundles``.

    Returns:
        "" among them for one that is named and not seen: it may be there all the same.
    """
    if not wants_accelerator(config, bundles):
        return []
    found = [device.port for device in find() if _matches(config.device, device)]
    return found or ([] if config.device == "auto" else [""])


def _matches(wanted: str, device: Device) -> bool:
    """Return whether the library could open ``device``, and ``wanted`` means it."""
    return device.driven and wanted in ("auto", device.kind, device.name)


class _Claims:
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
        claims: _Claims,
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
            and (_matches(wanted, device) or (self._port and device.port == self._port))
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
