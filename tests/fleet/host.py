"""What is done on the host itself: programs run, things waited for, the machines' root made."""

import hashlib
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

SUITE = "bookworm"
PACKAGES = (
    "systemd,systemd-sysv,dbus,udev,openssh-server,python3,python3-apt,iproute2,procps,openssl,"
    "ca-certificates,mosquitto,systemd-timesyncd"
)
"""What of Raspberry Pi OS Lite is used here, and a broker that starts nowhere by itself."""


class LabError(Exception):
    """The machines cannot be had."""


def run(*argv: str | Path, within_s: float = 120.0, check: bool = True) -> str:
    """Run a program and return what it printed.

    Raises:
        LabError: it failed.
    """
    told = subprocess.run(argv, capture_output=True, text=True, timeout=within_s, check=False)
    if check and told.returncode:
        raise LabError(f"{' '.join(map(str, argv))}: {told.returncode}: {told.stderr.strip()}")
    return told.stdout


def until(holds: Callable[[], object], within_s: float, pause_s: float = 0.1) -> bool:
    """Wait for ``holds``; return whether it came to."""
    end_s = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > end_s:
            return False
        time.sleep(pause_s)
    return True


def make_root(cache: Path) -> Path:
    """Return the root that all machines lie on, made once."""
    key = hashlib.sha256(f"{SUITE} {PACKAGES}".encode()).hexdigest()[:8]
    root = cache / f"fleet-{SUITE}-{key}"
    if root.is_dir():
        return root
    new = root.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}", SUITE, new,
        within_s=900)  # fmt: skip
    (new / "etc/machine-id").write_text("")
    (new / "etc/systemd/system/multi-user.target.wants/mosquitto.service").unlink(missing_ok=True)
    for folder in ("var/cache/apt/archives", "var/lib/apt/lists"):
        shutil.rmtree(new / folder, ignore_errors=True)
        (new / folder / "partial").mkdir(parents=True)
    new.rename(root)
    return root
