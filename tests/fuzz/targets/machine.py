"""What the machine says of itself, its tools, its environment, and where cameras are."""

import contextlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

from edgeagent import credentials, doctor, edgetpu
from edgeagent.bench.held import lock_holder
from edgeagent.config import CameraConfig
from edgeagent.control import runtime_folder, unit
from edgeagent.diagnosis.camera import of_camera
from edgeagent.diagnosis.readings import CameraReading
from edgeagent.doctor import board, clock, disk, service
from edgeagent.doctor.case import Answer, Case, Host
from edgeagent.edgetpu.advice import packaged
from edgeagent.errors import EdgeagentError
from edgeagent.machine import Machine, decode_throttled
from edgeagent.settings import parse
from edgeagent.sources.video_address import input_of, oddity_of
from edgeagent.sysfs import number_of
from edgeagent.watchdog import Notifier
from tests.fuzz.target import Target

from .parcel import laid, packed, parts


def _sysfs(data: bytes, folder: Path) -> None:
    laid(data, folder)
    machine = Machine(folder / "sys", folder / "proc")
    machine.weather()
    json.dumps([machine.board, machine.governor, machine.mhz_range, machine.memory_mb,
                machine.resident_mb, str(machine.disk(folder))])  # fmt: skip
    for device in edgetpu.find_devices(folder / "sys", folder / "dev"):
        json.dumps([device.name, device.slow, str(device)])
    number_of(folder / "sys/class/thermal/thermal_zone0/temp")
    decode_throttled(data.decode(errors="replace"))


def _sys_files() -> list[bytes]:
    stick = "sys/bus/usb/devices/1-1"
    cpu = "sys/devices/system/cpu/cpu0/cpufreq"
    return [packed({
        "sys/class/thermal/thermal_zone0/temp": "48312\n",
        "sys/devices/platform/soc/soc:firmware/get_throttled": "50005\n",
        "sys/firmware/devicetree/base/model": "Raspberry Pi 5 Model B Rev 1.0\0",
        f"{cpu}/scaling_cur_freq": "1500000\n", f"{cpu}/scaling_min_freq": "600000\n",
        f"{cpu}/scaling_max_freq": "2400000\n", f"{cpu}/scaling_governor": "ondemand\n",
        "proc/meminfo": "MemTotal:        8245796 kB\nMemAvailable:    123 kB\n",
        "proc/self/status": "Name:\tx\nVmRSS:\t  123 kB\nVmHWM:\t  456 kB\n",
        f"{stick}/idVendor": "18d1\n", f"{stick}/idProduct": "9302\n", f"{stick}/speed": "480\n",
        f"{stick}/busnum": "1\n", f"{stick}/devnum": "7\n", "dev/bus/usb/001/007": "",
    }), b"throttled=0x50005"]  # fmt: skip


TOOLS = ("systemctl", "journalctl", "vcgencmd", "timedatectl")


def _doctor(data: bytes, folder: Path) -> None:
    """What is asked of a tool is a file of its name."""
    told = {name: body.decode(errors="replace").strip() for name, body in parts(data).items()}
    laid(data, folder)

    def ask(command: Sequence[str]) -> Answer:
        return Answer(0, told[command[0]]) if command[0] in told else Answer(None, "")

    case = Case(folder / "edgeagent.toml", None, folder / "state", folder,
                host=Host(folder, ask))  # fmt: skip
    for group in (board, clock, disk, service):
        for check in group.checks(case):
            with contextlib.suppress(EdgeagentError):
                json.dumps([[line.name, line.what, line.cures] for line in check.look()])
    assert doctor.LIMIT_S


def _doctor_files() -> list[bytes]:
    unit = ("LoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\n"
            "Type=notify\nNRestarts=2\nWatchdogUSec=1min 30s\nExecMainCode=1\nExecMainStatus=78\n"
            "ActiveEnterTimestampMonotonic=123456789\nUser=edgeagent\nNeedDaemonReload=yes\n"
            "Result=exit-code\n")  # fmt: skip
    return [packed({
        "systemctl": unit, "proc/uptime": "12345.67 54321.0\n",
        "proc/meminfo": "MemTotal: 8245796 kB\nMemAvailable: 123 kB\nCmaTotal: 9 kB\nCmaFree: 1 kB\n",
        "proc/swaps": "Filename Type Size Used Priority\n/var/swap file 102396 512 -2\n",
        "sys/class/thermal/thermal_zone0/temp": "48312\n",
    }), packed({"systemctl": unit.replace("active\nSub", "failed\nSub")})]  # fmt: skip


def _proc(data: bytes, folder: Path) -> None:
    text = data.decode(errors="replace")
    (folder / "locks").write_bytes(data)
    lock_holder(folder / "locks", folder / "locks")
    unit(text)
    packaged(folder / "locks")


PROC = [
    b"1: FLOCK  ADVISORY  WRITE 1234 fe:00:5678 0 EOF\n2: POSIX  ADVISORY  READ 9 00:1a:3 0 EOF\n",
    b"0::/system.slice/edgeagent.service\n",
    b"Package: libedgetpu1-std\nStatus: install ok installed\nVersion: 16.0\n\nPackage: x\n",
]


def _address(data: bytes, folder: Path) -> None:
    """As the settings have it, once they take it."""
    address = data.decode(errors="replace")
    config = parse({"camera": [{"name": "door", "address": address}]})
    camera = config.camera[0]
    assert isinstance(camera, CameraConfig)
    source = input_of(camera, "p@ss/word")
    if not address.startswith("/"):
        oddity_of(source)
    of_camera(CameraReading(lost="no answer", lost_s=99.0, address=address))


ADDRESSES = [b"rtsp://user:x@192.0.2.7:554/Streaming/101?x=1", b"/dev/video0", b"films/yard.mp4",
             b"rtsps://[2001:db8::7]:322/", b"http://cam.example/mjpg"]  # fmt: skip


def _environment(data: bytes, folder: Path) -> None:
    """What systemd gives, as environment variables hold it: anything but a zero byte."""
    text = os.fsdecode(data.replace(b"\0", b""))
    notifier = Notifier(text)
    notifier.tell("READY=1", f"STATUS={text}")
    notifier.close()
    name, text = data.decode(errors="replace"), text[:200]
    with contextlib.suppress(EdgeagentError):
        credentials.path_of(f"credential:{name}", {"CREDENTIALS_DIRECTORY": text})
    before = os.environ.get("RUNTIME_DIRECTORY")
    os.environ["RUNTIME_DIRECTORY"] = text
    try:
        runtime_folder(folder)
    finally:
        os.environ.pop("RUNTIME_DIRECTORY")
        if before is not None:
            os.environ["RUNTIME_DIRECTORY"] = before


TARGETS = [
    Target("sysfs", _sysfs, _sys_files, tools=("vcgencmd",)),
    Target("doctor", _doctor, _doctor_files, tools=("vcgencmd",)),
    Target("proc", _proc, lambda: PROC),
    Target("address", _address, lambda: ADDRESSES),
    Target("environment", _environment, lambda: [b"/run/edgeagent", b"@notify", b"password"],
           sockets=True),
]  # fmt: skip
