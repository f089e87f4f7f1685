"""What edgetpu_compiler says of a model, read from its output."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

MAPPED = "Mapped to Edge TPU"
"""The compiler's word for an operator that the Edge TPU runs."""

_VERSION = re.compile(r"^Edge TPU Compiler version (\S+)", re.M)
_SIZES: Mapping[str, re.Pattern[str]] = {
    "on_chip_bytes": re.compile(r"^On-chip memory used for caching model parameters: (\S+)", re.M),
    "free_bytes": re.compile(
        r"^On-chip memory (?:remaining|available) for caching model parameters: (\S+)", re.M
    ),
    "streamed_bytes": re.compile(
        r"^Off-chip memory used for streaming uncached model parameters: (\S+)", re.M
    ),
}
_SUBGRAPHS = re.compile(r"^Number of Edge TPU subgraphs: (\d{1,9})", re.M)
_ROW = re.compile(r"^([A-Za-z][\w.-]*)\s{2,}(\d{1,9})\s{2,}(\S.*?)\s*$", re.M)
_FAULTS = re.compile(
    r"^((?:Compilation failed: |Internal compiler error|Invalid model|Model not quantized|ERROR: )"
    r".*)|^(Compilation failed!)",
    re.M,
)
_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


@dataclass(frozen=True, slots=True)
class Operators:
    """Operators of one name that went the same way."""

    name: str
    count: int
    status: str
    """`MAPPED`, or why not, in the compiler's words."""


@dataclass(frozen=True, slots=True)
class CompilerLog:
    """All that is kept of it."""

    version: str
    """Empty where it did not come to say it."""
    on_chip_bytes: int
    """Weights that stay in the Edge TPU's memory."""
    free_bytes: int
    streamed_bytes: int
    """Weights that are sent anew for every picture: slow."""
    subgraphs: int
    operators: tuple[Operators, ...]
    faults: tuple[str, ...]
    """What it complained of."""

    @property
    def mapped(self) -> int:
        """How many operators run on the Edge TPU."""
        return sum(one.count for one in self.operators if one.status == MAPPED)

    @property
    def total(self) -> int:
        """How many there are."""
        return sum(one.count for one in self.operators)

    def lines(self) -> Iterator[str]:
        """Return it for people: what did not map, last."""
        yield (
            f"edgetpu_compiler {self.version or '(says no version)'}: {self.mapped} of "
            f"{self.total} operators on the Edge TPU, {self.subgraphs} subgraph(s); "
            f"{self.on_chip_bytes:,} bytes of weights on the chip, "
            f"{self.streamed_bytes:,} streamed for each picture"
        )
        for one in self.operators:
            if one.status != MAPPED:
                yield f"  {one.name} x{one.count} on the CPU: {one.status}"

    def told(self) -> dict[str, object]:
        """Return it for a report."""
        kept = asdict(self)
        kept.pop("faults")
        return {**kept, "mapped": self.mapped, "total": self.total}


def read_log(text: str) -> CompilerLog:
    """Read what the compiler printed; versions 2 to 16 print much the same."""
    version, subgraphs = _VERSION.search(text), _SUBGRAPHS.search(text)
    sizes = {name: _bytes(pattern.search(text)) for name, pattern in _SIZES.items()}
    rows = (Operators(name, int(count), status) for name, count, status in _ROW.findall(text))
    said = [one or other for one, other in _FAULTS.findall(text)]
    return CompilerLog(
        version[1] if version else "",
        sizes["on_chip_bytes"],
        sizes["free_bytes"],
        sizes["streamed_bytes"],
        int(subgraphs[1]) if subgraphs else 0,
        tuple(rows),
        tuple(dict.fromkeys(one.strip() for one in said)),
    )


def _bytes(found: re.Match[str] | None) -> int:
    """Return the bytes of ``5.90MiB``; 0 where nothing is said."""
    if found is None:
        return 0
    number = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)([KMG]iB|B)", found[1])
    return round(float(number[1]) * _UNITS[number[2]]) if number else 0
