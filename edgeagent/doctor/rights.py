"""What the user that the agent runs as may open: cameras, Edge TPUs, the firmware's mailbox."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from edgeagent.doctor import Check, Line, fault, warning, well
from edgeagent.doctor.case import SERVICE, Case, Who, group_name

CAMERAS = ("video*", "media*")
MEMORY = ("dma_heap/*",)
"""What libcamera keeps its pictures in."""
TPUS = ("apex_*",)
BOARD = ("vcio",)


def checks(case: Case) -> Iterator[Check]:
    """See the family's contract."""
    yield Check("user", lambda: _user(case.who))
    yield Check("cameras", lambda: _nodes(case, "cameras", CAMERAS, _wants_camera(case)))
    yield Check("dma_heap", lambda: _nodes(case, "dma_heap", MEMORY, _wants_picamera(case)))
    yield Check("apex", lambda: _nodes(case, "apex", TPUS, False))
    yield Check("firmware", lambda: _nodes(case, "firmware", BOARD, False))


def _user(who: Who) -> Iterator[Line]:
    if not who.exists:
        cure = "sudo systemd-sysusers, or install the release again: sudo scripts/install"
        yield fault("user", f"the unit's user {who.name} does not exist", cure)
    elif who.uid == 0:
        yield well("user", "root, who may open everything; the unit runs as edgeagent")
    else:
        yield well("user", f"{who.name}, in {', '.join(who.groups)}")


def _wants_camera(case: Case) -> bool:
    cameras = case.config.camera if case.config else []
    return any(c.source == "picamera" or c.address.startswith("/dev/") for c in cameras)


def _wants_picamera(case: Case) -> bool:
    return case.config is not None and any(c.source == "picamera" for c in case.config.camera)


def _nodes(case: Case, name: str, patterns: Sequence[str], needed: bool) -> Iterator[Line]:
    """Say which of the nodes that match ``patterns`` are closed to the agent's user."""
    dev = case.host.root / "dev"
    nodes = sorted(node for pattern in patterns for node in dev.glob(pattern))
    closed = [node for node in nodes if not case.who.may(node.stat())]
    if closed:
        yield _closed(case.who, name, closed, needed)
    elif nodes:
        yield well(name, f"{case.who.name} may open {_names(nodes)}")
    elif needed:
        cure = "plug the camera in: ls /dev/video*; give a container the device"
        yield warning(name, f"there is no {' or '.join(f'/dev/{p}' for p in patterns)}", cure)


def _closed(who: Who, name: str, closed: Sequence[Path], needed: bool) -> Line:
    groups = sorted({group_name(node.stat().st_gid) for node in closed} - {"root"})
    cures = [f"sudo usermod -aG {','.join(groups)} {who.name}" if groups else _NO_GROUP]
    if groups:
        again = f"sudo systemctl restart {SERVICE}" if who.name == SERVICE else "log in anew"
        cures.append(f"then {again}")
    what = f"{who.name} may not open {_names(closed)}"
    return fault(name, what, *cures) if needed else warning(name, what, *cures)


_NO_GROUP = "edgeagent tpu --udev-rules shows a rule that lets a group in; write one for these"


def _names(nodes: Sequence[Path]) -> str:
    names = [f"/dev/{node.parent.name}/{node.name}" if node.parent.name != "dev" else
             f"/dev/{node.name}" for node in nodes]  # fmt: skip
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
