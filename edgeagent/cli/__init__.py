"""The command line: one file per command, each imported only when it is asked for."""

import argparse
import os
import sys
from collections.abc import Collection, Sequence
from importlib import import_module

import edgeagent
from edgeagent import __version__
from edgeagent.cli.log import begin_log, complain
from edgeagent.errors import EdgeagentError

# Before anything imports numpy: the gate's sums are small, and OpenBLAS's idle threads wait by
# spinning, which cost more than half of the agent's CPU.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

COMMANDS = {
    "run": "watch the cameras and publish, as the service does",
    "check": "say what is wrong with a settings file, or what it comes to",
    "demo": "see it work: an embedded broker, a clip, a model, a subscriber",
    "replay": "what would be said of a clip: events as JSON lines, no broker",
    "look": "show a camera to who stands at the device, for aiming and for zones",
    "glance": "have the running agent look now, and say what is in view",
    "motion": "what the motion gate thought of a clip, and why a frame was worth a look",
    "status": "how the agent that runs here fares",
    "pause": "close cameras: none is read again before it is resumed, or its time is over",
    "resume": "watch cameras again that are paused",
    "doctor": "everything between you and a running agent, and what to type",
    "watch": "what devices say, live, over MQTT: one of them, or a fleet",
    "page": "where the agent's page is, and the token that opens it",
    "homeassistant": "what Home Assistant is told of this device, or have it let go",
    "models": "list the model bundles",
    "tpu": "which Edge TPUs there are, what is wrong with them, and what to type",
    "recover": "as root: take one step to bring a lost Edge TPU back, when the agent has asked",
    "action": "what events set going on this device, and to try it by hand",
    "audit": "whether the log of what was ordered is still the one that was written",
    "bench": "how long each stage takes on this machine, and whether that is good",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status (see errors.py)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    options = parser(arguments).parse_args(arguments)
    begin_log(options.debug)
    try:
        status: int = options.run(options)
    except EdgeagentError as error:
        if options.debug:
            raise
        complain(error)
        return error.exit_status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone (| head); the interpreter must not flush into it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


def parser(names: Collection[str] = tuple(COMMANDS)) -> argparse.ArgumentParser:
    """Return the command line, with the arguments of those commands that are among ``names``."""
    whole = argparse.ArgumentParser("edgeagent", description=edgeagent.__doc__)
    whole.add_argument("--version", action="version", version=f"edgeagent {__version__}")
    commands = whole.add_subparsers(metavar="COMMAND", required=True)
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--debug", action="store_true", help="show tracebacks, log more")
        if name in names:
            module = import_module(f"edgeagent.cli.{name}")
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    return whole
