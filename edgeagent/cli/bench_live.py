"""``edgeagent bench --live``: the running agent's own times; and what it holds, for the others."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from edgeagent import assembly, control
from edgeagent.accelerators import ports
from edgeagent.bench.held import Wants, assert_free
from edgeagent.bench.judge import judged
from edgeagent.bench.live import live
from edgeagent.bench.show import table
from edgeagent.bench.verdict import together
from edgeagent.cli.asking import agent_folder, told
from edgeagent.cli.progress import Shown
from edgeagent.cli.run import state_folder
from edgeagent.config import Config
from edgeagent.errors import UsageError

UNIT_STATE = Path("/var/lib/edgeagent")
"""Of edgeagent.service."""
_NOT_LIVE = ("runs", "clip", "config", "model", "vector", "device", "baseline", "plot", "publish")
_MOST_S = 86_400


def run_live(options: argparse.Namespace) -> int:
    """Ask, print and judge; exit 0, 1 (too slow) or 2 (too few looks to say)."""
    _check(options)
    with Shown("live") as progress:
        made = live(
            lambda: told(options.state, {"do": "histograms"}),
            progress,
            options.seconds,
            options.camera or "",
        )
    made = judged(made, options.max_p90, None, 0.0)
    print(msgspec.json.encode(made).decode() if options.json else table(made))
    return together(made.verdicts)


def _check(options: argparse.Namespace) -> None:
    odd = [name for name in _NOT_LIVE if getattr(options, name)]
    if odd or options.scenario != "single":
        what = f"--{odd[0]}" if odd else options.scenario
        raise UsageError(f"--live asks the agent that runs, as it runs; {what} is not for it")
    if options.seconds is not None and not 1 <= options.seconds <= _MOST_S:
        raise UsageError(f"--seconds {options.seconds:g}: must be 1 to {_MOST_S}")


def beside(options: argparse.Namespace, config: Config) -> tuple[str, ...]:
    """See that no agent holds what a bench would open; return what there is to say of one.

    Raises:
        RetryError: one does.
    """
    named = [name for name in (config.model.name, config.model.vector) if name]
    bundles = [assembly.find(config.model, name) for name in named]
    wants = Wants(ports(config.model, bundles), options.clip)
    outboxes = [state / "outbox" for state in (UNIT_STATE, state_folder())]
    if config.outbox.folder:
        outboxes.append(Path(config.outbox.folder))
    return assert_free(wants, _holds, [outbox / "ledger" for outbox in outboxes])


def _holds() -> Mapping[str, Any] | None:
    with control.asked(agent_folder(None), {"do": "holds"}) as answer:
        return answer
