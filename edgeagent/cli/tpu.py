"""``edgeagent tpu``: which Edge TPUs there are, what is wrong with them, and what to type."""

import argparse
import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from edgeagent.edgetpu import LIBRARY, Device, board, find_devices
from edgeagent.edgetpu.advice import UDEV_RULES, Machine, Trouble, examine, packaged, usable
from edgeagent.edgetpu.library import Library, probe_library, probe_pycoral, try_open

_WIDTH = 96
_HEAD = ("", "ids", "port", "speed", "driver", "node", "temperature")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("--library", default=LIBRARY, help="path or name of Coral's library")
    parser.add_argument(
        "--open", action="store_true", help="open each for a moment; stop the agent before"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument(
        "--udev-rules", action="store_true", help="print the rules that let the service in"
    )
    # For a look at another machine's copied tree, and for the simulator's.
    parser.add_argument("--sysfs", type=Path, default=Path("/sys"), help=argparse.SUPPRESS)
    parser.add_argument("--dev", type=Path, default=Path("/dev"), help=argparse.SUPPRESS)


def run(options: argparse.Namespace) -> int:
    """Print what there is and what is wrong; exit 0 if an Edge TPU can be used, else 69."""
    if options.udev_rules:
        print(UDEV_RULES, end="")
        return 0
    machine = _look(options)
    troubles = examine(machine)
    good = usable(machine.devices, troubles)
    if options.json:
        print(json.dumps(_json(machine, troubles, good)))
    else:
        parts = [_libraries(machine), _table(machine.devices), _verdict(good, machine.library)]
        blocks = ["\n".join(part) for part in (*parts, *_advice(troubles))]
        print("\n\n".join(filter(None, blocks)))
    return 0 if good else 69


def _look(options: argparse.Namespace) -> Machine:
    devices = find_devices(options.sysfs, options.dev)
    library = probe_library(options.library)
    closed = _tried(devices, library) if options.open and not library.fault else {}
    return Machine(devices, library, probe_pycoral(), packaged(), board(options.sysfs), closed)


def _tried(devices: Sequence[Device], library: Library) -> dict[str, str]:
    whys = {d.name: try_open(library.name, d) for d in devices if d.driven}
    return {name: why for name, why in whys.items() if why}


def _json(
    machine: Machine, troubles: Sequence[Trouble], good: Sequence[Device]
) -> dict[str, object]:
    return {
        "usable": [device.name for device in good],
        "simulated": machine.library.simulated,
        "board": machine.board,
        "devices": [_device_json(device) for device in machine.devices],
        "library": {**asdict(machine.library), "package": machine.package},
        "pycoral": asdict(machine.pycoral) if machine.pycoral else None,
        "troubles": [asdict(trouble) for trouble in troubles],
    }


def _device_json(device: Device) -> dict[str, object]:
    node = device.node
    shown = {**asdict(node), "path": str(node.path), "mode": f"{node.mode:04o}"} if node else None
    return {"name": device.name, **asdict(device), "node": shown}


def _libraries(machine: Machine) -> Iterator[str]:
    library, pycoral = machine.library, machine.pycoral
    if machine.board:
        yield f"board     {machine.board}"
    file = library.file if library.file != library.name else ""
    yield "  ".join(filter(None, ["library ", library.name, file]))
    if library.version:
        yield f"version   {library.version}"
    if machine.package:
        yield f"package   {machine.package}"
    if pycoral and pycoral.genuine:
        yield f"pycoral   {pycoral.version or 'of no use'}"


def _table(devices: Sequence[Device]) -> Iterator[str]:
    if not devices:
        return
    rows = [_HEAD, *(_row(device) for device in devices)]
    kept = [column for column in zip(*rows, strict=True) if any(column[1:])]
    widths = [max(map(len, column)) for column in kept]
    for row in zip(*kept, strict=True):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _row(device: Device) -> tuple[str, ...]:
    return (
        device.name,
        device.ids,
        device.port,
        f"{device.speed_mbps} Mbit/s" if device.speed_mbps else "",
        _driver(device),
        str(device.node or "none"),
        f"{device.temp_c:.1f} C" if device.temp_c is not None else "",
    )


def _driver(device: Device) -> str:
    if device.kind == "usb":
        return ""
    return "apex" if device.driven else "none"


def _verdict(good: Sequence[Device], library: Library) -> Iterator[str]:
    names = ", ".join(device.name for device in good)
    yield f"usable: {names}" if good else "no Edge TPU can be used; the agent runs on the CPU"
    if library.simulated:
        yield f"{library.version}: this library is a simulation, and its figures are no Edge TPU's"


def _advice(troubles: Sequence[Trouble]) -> Iterator[list[str]]:
    """Yield a block for each cure, with all that it cures above it."""
    by_cures: dict[tuple[str, ...], list[Trouble]] = {}
    for trouble in troubles:
        by_cures.setdefault(trouble.cures, []).append(trouble)
    for cures, cured in by_cures.items():
        whats = [f"{t.about}: {t.what}" if t.about else t.what for t in cured]
        yield [
            *(line for what in whats for line in _wrapped(what, "", "  ")),
            *(line for cure in cures for line in _wrapped(cure, "  - ", "    ")),
        ]


def _wrapped(text: str, first: str, later: str) -> list[str]:
    # Paths and commands are copied by hand: they are never broken.
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=later,
        break_long_words=False,
        break_on_hyphens=False,
    )
