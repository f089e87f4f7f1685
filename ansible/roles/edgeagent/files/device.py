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
NOWHERE = "/run/edgeagent-switch"
"""Where the benchmark's own history is put, in memory: it is not the owner's."""
RUNTIME = "/run/edgeagent"
"""Where the unit's agent can be asked."""
CURED_BY_RELEASE = "another release's format"
"""A fault that says so is no reason to bring a device no release: that is its cure."""
GROWTH_BYTES = 1 << 20


@dataclass
class State:
    """What the device runs and how it fares."""

    release: str
    previous: str
    ready: bool
    restarts: int
    faults: dict[str, str] = field(default_factory=dict)
    """Parts that are not well, and why, as the unit's status text names them."""
    hindrances: dict[str, str] = field(default_factory=dict)
    """Those of them that are to be mended before anything else is brought."""
    pending: int | None = None
    """Events that wait in the outbox, where the agent says."""
    pending_bytes: int = 0
    """Of the outbox's files; one is given back only when all in it has been sent."""
    live: tuple[int, float, float] | None = None
    """Looks of the running agent, p50 and p90 of its model in ms; None where it is too old to be
    asked for that."""
    said: tuple[int, float, float] | None = None
    """The same as its status gives it, of the slowest camera."""
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


def complaint(told: subprocess.CompletedProcess[str]) -> str:
    """Return the last that a program complained of, on one line."""
    lines = (told.stderr.strip() or told.stdout.strip()).splitlines()[-2:]
    words = [line.removeprefix("edgeagent: ") for line in reversed(lines)]
    return "; ".join(words) or f"status {told.returncode}"


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
        pending_bytes=sum(path.stat().st_size for path in OUTBOX.glob("*")),
        settings=_digest(SETTINGS),
        models=[path.readlink().name for path in MODELS.glob("*") if path.is_symlink()],
        unjudged=UNJUDGED.exists(),
        free_bytes=shutil.disk_usage(HOME if HOME.exists() else "/").free,
    )
    told = ask("status")
    if told:
        _add_said(state, told)
        state.live = live()
    state.hindrances = {p: why for p, why in state.faults.items() if CURED_BY_RELEASE not in why}
    return state


def ask(*words: str, within_s: float = 20.0) -> dict[str, Any]:
    """Return what the running agent answers to a command; nothing where it does not."""
    told = run(HOME / "current/bin/edgeagent", *words, "--json", within_s=within_s,
               RUNTIME_DIRECTORY=RUNTIME, XDG_STATE_HOME=NOWHERE)  # fmt: skip
    with contextlib.suppress(ValueError):
        answer = json.loads(told.stdout)
        return answer if isinstance(answer, dict) else {}
    return {}


def live(seconds: float = 0.0) -> tuple[int, float, float] | None:
    """Return how many looks the agent took, p50 and p90 of its model in ms.

    Args:
        seconds: of those that follow; 0: since it was begun.
    """
    following = ["--seconds", f"{seconds:g}"] if seconds else []
    told = ask("bench", "--live", *following, within_s=seconds + 30)
    return looks_told(told) if told else None


def looks_told(report: dict[str, Any]) -> tuple[int, float, float]:
    """Return looks, p50 and p90 of an ``edgeagent bench --live`` report."""
    invoke = report["stages"].get("invoke", {"n": 0, "p50": 0.0, "p90": 0.0})
    return int(invoke["n"]), float(invoke["p50"]), float(invoke["p90"])


def looks_said(status: dict[str, Any]) -> tuple[int, float, float]:
    """Return looks, p50 and p90 as ``edgeagent status`` has them, of the slowest camera."""
    invokes = [
        stages["invoke"] for stages in status.get("stages", {}).values() if "invoke" in stages
    ]
    n = sum(times["n"] for times in invokes)
    slowest = max(
        invokes, key=lambda times: times["p90_ms"], default={"p50_ms": 0.0, "p90_ms": 0.0}
    )
    return n, slowest["p50_ms"], slowest["p90_ms"]


def growth(before: State, after: State, limit: int) -> str:
    """Return by how much the outbox grew, "" if by no more than ``limit`` events.

    Where the agent does not say how many wait, its files may grow by `GROWTH_BYTES`.
    """
    if after.pending is not None and before.pending is not None:
        events = after.pending - before.pending
        return f"{events} events, at most {limit} are allowed" if events > limit else ""
    grown = after.pending_bytes - before.pending_bytes
    return f"{grown} bytes, at most {GROWTH_BYTES} are allowed" if grown > GROWTH_BYTES else ""


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def _add_said(state: State, said: dict[str, Any]) -> None:
    """Take over what ``edgeagent status --json`` says of the running agent."""
    state.ready = state.ready and bool(said.get("ready", True))
    state.said = looks_said(said)
    state.engine = " ".join(said.get("engines", ()))
    state.pending = said.get("outbox", {}).get("pending")


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
