"""Puts the models on the Edge TPUs that the settings name, each with the CPU to fall back on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from edgeagent.berth import Berth, Claims, Find, Plea, matches
from edgeagent.clock import Clock, SystemClock
from edgeagent.config import ModelConfig
from edgeagent.edgetpu import find_devices
from edgeagent.edgetpu.recovery import Recovery
from edgeagent.engines import Engine, Tell, nobody
from edgeagent.engines.accelerator import NO_PLEA, Accelerator
from edgeagent.engines.failover import Failover
from edgeagent.engines.pool import Pool
from edgeagent.errors import BundleError
from edgeagent.health import Health
from edgeagent.model import Bundle


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
    found = [device for device in ties.find() if matches(config.device, device)]
    names = [device.name for device in found]
    if len(names) < 2:
        # A single one keeps its name from the settings, wherever it is plugged in.
        names = names if names and config.device == "auto" else [config.device]
    claims = Claims()
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
    found = [device.port for device in find() if matches(config.device, device)]
    return found or ([] if config.device == "auto" else [""])
