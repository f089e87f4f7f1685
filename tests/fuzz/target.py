"""What a parser under test is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeagent.errors import EdgeagentError

CORPUS = Path(__file__).with_name("corpus")

Take = Callable[[bytes, Path], object]
"""Gives the bytes to the parser, through a file in the empty folder if it reads files."""
Seal = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Target:
    """One parser, or a few that read the same thing one after another."""

    name: str
    take: Take
    """May write into its folder, and nowhere else."""
    seeds: Callable[[], Sequence[bytes]]
    """Real inputs, which the parser takes, and a few that it refuses on purpose."""
    raises: tuple[type[Exception], ...] = (EdgeagentError,)
    """What it says that it raises; all else is a fault."""
    seal: Seal | None = None
    """Makes checksums right again, so that what is behind them is reached."""
    sockets: bool = False
    """Whether it is asked over a socket."""
    share: float = 1.0
    """How many of the examples it is given, where each takes long."""
    tools: tuple[str, ...] = ()
    """Programs that it may run."""

    def kept(self) -> list[Path]:
        """Return the corpus' files for it."""
        return sorted(path for path in (CORPUS / self.name).glob("*") if path.is_file())
