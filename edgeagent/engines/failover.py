"""An engine that never goes away: the accelerator while it is there, the CPU while it is not."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from edgeagent.clock import Clock
from edgeagent.engines import Engine, Seat, Turnstile
from edgeagent.engines.accelerator import Accelerator
from edgeagent.engines.pace import Pace
from edgeagent.errors import AcceleratorError
from edgeagent.model import Bundle, ModelFile
from edgeagent.tensor import Tensor, TensorSpec


class Failover:
    """One model on an `Accelerator`, and on the CPU whenever that is away; see `Engine`.

    A frame whose device dies under it is run again on the CPU from where it lies, in memory that
    is ours and not the device's; whoever sits never sees the fault. A device that came back is
    used from the next seat on. Without a spare its seats raise AcceleratorError meanwhile.
    """

    def __init__(
        self,
        bundle: Bundle,
        spare: Engine | None,
        accelerator: Accelerator,
        clock: Clock,
        number: int = 0,
    ) -> None:
        """Begin on the spare; the accelerator is whoever starts it's to start.

        Args:
            bundle: the model.
            spare: runs its ``cpu`` file; may be shared with others that run the same. None: nobody
                looks while the accelerator is away.
            accelerator: shared with the other models on the same device.
            clock: times how long it has been slow.
            number: which of the accelerator's engines runs this model.
        """
        self.bundle = bundle
        self._spare, self._accelerator, self._number = spare, accelerator, number
        self._clock = clock
        self._pace = Pace()
        self._paced: Engine | None = None
        self._turnstile = Turnstile()
        self._is_closed = False

    @property
    def is_lost(self) -> bool:
        """Whether the accelerator is away."""
        return self._accelerator.engine(self._number) is None

    @property
    def name(self) -> str:
        """See `Engine.name`; ``none`` where nobody would answer."""
        engine = self._now
        return engine.name if engine else "none"

    @property
    def file(self) -> ModelFile:
        """See `Engine.file`."""
        engine = self._now
        return engine.file if engine else self.bundle.files["edgetpu"]

    @property
    def takes(self) -> TensorSpec:
        """See `Engine.takes`: the same on both, or the bundle would have been refused."""
        return self.file.input

    @property
    def load_ms(self) -> float:
        """See `Engine.load_ms`."""
        engine = self._now
        return engine.load_ms if engine else 0.0

    @property
    def first_ms(self) -> float:
        """See `Engine.first_ms`."""
        engine = self._now
        return engine.first_ms if engine else 0.0

    @property
    def ease(self) -> float:
        """See `Engine.ease`."""
        return 1.0 if self.is_lost else self._pace.ease

    @contextmanager
    def seat(self) -> Iterator[Seat]:
        """See `Engine.seat`."""
        with self._turnstile, ExitStack() as seats:
            if self._is_closed:
                raise AcceleratorError(
                    f"engine {self.bundle.name!r} is closed; open it again", cause="closed"
                )
            yield self._sit(seats)

    def close(self) -> None:
        """See `Engine.close`; the spare is closed too, the accelerator with its last user."""
        with self._turnstile:
            if self._is_closed:
                return
            self._is_closed = True
        self._accelerator.release()
        if self._spare is not None:
            self._spare.close()

    def lose(self, engine: Engine, error: AcceleratorError) -> None:
        """Hear from a seat that ``engine`` raised ``error``."""
        self._pace.forget()
        self._accelerator.lose(engine, error)

    def took(self, engine: Engine, invoke_us: int) -> None:
        """Hear from a seat how long a run on the accelerator took."""
        pace = self._pace
        if self._paced is not engine:
            self._paced = engine
            pace.forget()
        if pace.note(invoke_us, self._clock.mono_s()):
            self._accelerator.slow(self._number, self._slowness() if pace.is_slow else "")

    def sit_spare(self, seats: ExitStack) -> Seat:
        """Return a seat at the spare, which is left when ``seats`` are.

        Raises:
            AcceleratorError: there is none.
        """
        if self._spare is None:
            cause = self._accelerator.cause or "no_device"
            raise AcceleratorError(
                f"tpu {self._accelerator.name}: is away ({cause}), and nothing else runs "
                f'{self.bundle.name!r}; [model] fallback = "cpu" would',
                cause=cause,
            )
        return seats.enter_context(self._spare.seat())

    @property
    def _now(self) -> Engine | None:
        return self._accelerator.engine(self._number) or self._spare

    def _sit(self, seats: ExitStack) -> Seat:
        engine = self._accelerator.engine(self._number)
        if engine is not None:
            try:
                seat = seats.enter_context(engine.seat())
            except AcceleratorError as error:
                self.lose(engine, error)
            else:
                return _Seat(self, engine, seat, seats)
        return self.sit_spare(seats)

    def _slowness(self) -> str:
        now_ms, usual_ms = self._pace.now_us / 1000, self._pace.usual_us / 1000
        return (
            f"{self.bundle.name} takes {now_ms:.1f} ms, usually {usual_ms:.1f} ms: it is hot, or "
            "in a slower port; it is asked less often meanwhile"
        )


class _Seat:
    """A seat at the accelerator that becomes one at the spare when the accelerator dies."""

    def __init__(self, owner: Failover, engine: Engine, seat: Seat, seats: ExitStack) -> None:
        self.input: Tensor = seat.input
        """In the accelerator's seat to the end, since whoever sits may have kept it."""
        self._owner, self._engine, self._seat, self._seats = owner, engine, seat, seats
        self._is_moved = False

    @property
    def name(self) -> str:
        """See `Seat.name`."""
        return self._seat.name

    @property
    def file(self) -> ModelFile:
        """See `Seat.file`."""
        return self._seat.file

    @property
    def invoke_us(self) -> int:
        """See `Seat.invoke_us`."""
        return self._seat.invoke_us

    def run(self) -> Mapping[str, Tensor]:
        """See `Seat.run`."""
        if not self._is_moved:
            try:
                outputs = self._seat.run()
            except AcceleratorError as error:
                self._owner.lose(self._engine, error)
                self._move()
            else:
                self._owner.took(self._engine, self._seat.invoke_us)
                return outputs
        self._seat.input[...] = self.input
        return self._seat.run()

    def _move(self) -> None:
        self._seat = self._owner.sit_spare(self._seats)
        self._is_moved = True
