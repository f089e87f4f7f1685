"""What a device runs and how it fares, asked on the device itself with nothing but Python."""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

HOME = Path("/opt/edgeagent")
SETTINGS = Path("/etc/edgeagent/edgeagent.toml")
CREDENTIALS = Path("/etc/edgeagent/credentials")
OUTBOX = Path("/var/lib/edgeagent/outbox")
MODELS = HOME / "models"
UNJUDGED = HOME / ".unjudged"
"""There while a switch is not judged yet: a power cut only puts that off until the next run."""
UNIT = "edgeagent.service"
ROUNDS, RUNS = 3, 15
"""Of the benchmark, old and new in turns, and of the model in each."""


@dataclass
class State:
    """What the device runs and how it fares."""

    release: str
    previous: str
    ready: bool
    restarts: int
    faults: dict[str, str] = field(default_factory=dict)
    """Parts that are not well, and why, as the unit's status text names them."""
    pending: int = 0
    """What waits in the outbox: events where the agent says, else bytes of its files."""
    invoke_p90_ms: float | None = None
    """Of the running agent, where it says."""
    engine: str = ""
    settings: str = ""
    """sha256 of the settings file."""
    models: list[str] = field(default_factory=list)
    """Bundles in use beside those of the release, as NAME@DIGEST."""
    unjudged: bool = False
    free_bytes: int = 0
    python: str = "{}.{}".format(*sys.version_info)


def run(
    *argv: str | Path, within_s: float = 60.0, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a program; its failure is in the status."""
    try:
        return subprocess.run(
            argv,
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
            env={**os.environ, **environment},
        )
    except (subprocess.TimeoutExpired, OSError) as error:
        return subprocess.CompletedProcess(argv, 124, "", str(error))


def last_line(told: subprocess.CompletedProcess[str]) -> str:
    """Return the last thing a program complained of."""
    lines = (told.stderr.strip() or told.stdout.strip()).splitlines()
    return lines[-1] if lines else f"status {told.returncode}"


def release(link: str) -> str:
    """Return which release ``current`` or ``previous`` is; "" for none."""
    with contextlib.suppress(OSError):
        return (HOME / link).readlink().name
    return ""


def show(what: str) -> str:
    """Return one property of the unit."""
    return run("systemctl", "show", "-P", what, UNIT).stdout.strip()


def faults(status: str) -> dict[str, str]:
    """Return the parts that a status text ``part: why; part: why`` says are not well."""
    pairs = (item.partition(": ") for item in status.split("; ") if ": " in item)
    return {part: why for part, _, why in pairs}


def probe() -> State:
    """Return how the device is. The one place that knows how the agent tells."""
    state = State(
        release("current"),
        release("previous"),
        show("ActiveState") == "active",
        int(show("NRestarts") or 0),
        faults(show("StatusText")),
        sum(path.stat().st_size for path in OUTBOX.glob("*")),
        settings=_digest(SETTINGS),
        models=[path.readlink().name for path in MODELS.glob("*") if path.is_symlink()],
        unjudged=UNJUDGED.exists(),
        free_bytes=shutil.disk_usage(HOME if HOME.exists() else "/").free,
    )
    told = run(HOME / "current/bin/edgeagent", "status", "--json", within_s=20)
    if told.returncode == 0:
        _add_said(state, json.loads(told.stdout))
    return state


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def _add_said(state: State, said: dict[str, Any]) -> None:
    """Take over what ``edgeagent status --json`` says of the running agent."""
    state.ready = state.ready and bool(said.get("ready", True))
    state.invoke_p90_ms = said.get("invoke_p90_ms")
    state.engine = str(said.get("engine", ""))
    state.pending = said.get("outbox", {}).get("pending", state.pending)


def bench_ms(program: Path, model: Path | str) -> float:
    """Return p90 of the model's run, beside the running agent; infinite where none runs."""
    extra = ["--model", str(model)] if model else []
    told = run(program / "bin/edgeagent", "bench", "--runs", str(RUNS), "--json", *extra,
               within_s=300)  # fmt: skip
    if told.returncode:
        return float("inf")
    return float(json.loads(told.stdout)["stages"]["invoke"]["p90"])


def slower(
    old: tuple[Path, Path | str], new: tuple[Path, Path | str], limit: float
) -> tuple[float, float]:
    """Return the best p90 of each in ms, run in turns: what else the device does hits both.

    Where ``new`` seems more than ``limit`` times as slow, it gets more turns before that is said.
    """
    was_ms = is_ms = float("inf")
    for turn in range(3 * ROUNDS):
        if turn >= ROUNDS and is_ms <= limit * was_ms:
            break
        was_ms, is_ms = min(was_ms, bench_ms(*old)), min(is_ms, bench_ms(*new))
    return was_ms, is_ms


def version_of(wheelhouse: Path) -> str:
    """Return the version of the release in ``wheelhouse``."""
    (wheel,) = (wheelhouse / "wheels").glob("edgeagent-*.whl")
    return wheel.name.split("-")[1]


def put(new: Path, at: Path) -> None:
    """Replace a file whole; owner and mode are those of the old one."""
    beside = at.with_name(f".{at.name}.new")
    shutil.copyfile(new, beside)
    if at.exists():
        shutil.copystat(at, beside)
        os.chown(beside, at.stat().st_uid, at.stat().st_gid)
    with beside.open("rb") as file:
        os.fsync(file.fileno())
    beside.replace(at)


def point(link: Path, to: Path) -> None:
    """Replace a link whole."""
    link.parent.mkdir(parents=True, exist_ok=True)
    beside = link.with_name(f".{link.name}.new")
    beside.unlink(missing_ok=True)
    beside.symlink_to(to)
    beside.replace(link)


if __name__ == "__main__":
    print(json.dumps(asdict(probe())))
