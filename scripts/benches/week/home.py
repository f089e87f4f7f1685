"""The owner's home: bench link's world, with a small card, a clip for a camera, and a kernel."""

import os
import signal
import struct
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import av
import numpy as np

from edgeagent.control import asked
from edgeagent.errors import EdgeagentError
from scripts.benches.fire.bed import BACKLOG_PER_S, CAMERA, PEER, PORT, Bed
from scripts.benches.fire.faults import SOUND

CAMERAS = 20
"""The last one is a film; each says an event a second."""
FILM = f"c{CAMERAS}"
CLIP_S, CLIP_FPS = 2, 5
CARD_BYTES = 24 << 20
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
UPTIME_S = 10
"""What the monotonic clock says when a new kernel starts the agent."""
OFF_S = 1.5
"""A device that was killed is away for so long."""
PER_S = 150
MORE = f"""\
[[camera]]
name = "{FILM}"
source = "video"
address = "{{folder}}/clip.mp4"
fps = {CLIP_FPS}
loop = true
stall_s = 5
[outbox]
max_bytes = 262144
segment_bytes = 16384
"""


class Card:
    """A file system of its own, as small as a bad card: where the agent keeps what it keeps."""

    def __init__(self, folder: Path, image: Path) -> None:
        folder.mkdir()
        with image.open("wb") as file:
            file.truncate(CARD_BYTES)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], check=True)
        subprocess.run(["mount", "-o", "loop", image, folder], check=True)
        self._folder, self._filler = folder, folder / "filler"
        device = folder.stat().st_dev
        self._stat = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat")

    def fill(self) -> None:
        """Leave no room; nothing is written for it, only promised."""
        with self._filler.open("wb") as file:
            size, part = 0, CARD_BYTES
            while part >= 512:
                try:
                    os.posix_fallocate(file.fileno(), size, part)
                    size += part
                except OSError:
                    part //= 2

    def free(self) -> None:
        """Give the room back."""
        self._filler.unlink()

    @property
    def written_bytes(self) -> int:
        """What the device was made to write since the beginning, the file system's own included."""
        sectors = int(self._stat.read_text().split()[6])
        return sectors * 512

    def used_bytes(self) -> int:
        """Size of the agent's own files."""
        used = 0
        for file in self._folder.glob("outbox/*"):
            try:
                used += file.stat().st_size
            except FileNotFoundError:
                continue
        return used


class Home(Bed):
    """All of it. Wants a mount namespace of its own."""

    def __init__(self, folder: Path) -> None:
        self.card = Card(folder / "state", folder / "card")
        self._boot_id = folder / "boot_id"
        self._boot_id.touch()
        subprocess.run(["mount", "--bind", self._boot_id, BOOT_ID], check=True)
        self.clip = folder / "clip.mp4"
        make_clip(self.clip)
        self._kernel_folder = folder
        (folder / "clock").write_bytes(bytes(8))
        source = Path(__file__).with_name("wall_clock.c")
        flags = ["-O2", "-Wall", "-Werror", "-shared", "-fPIC"]
        subprocess.run(["gcc", *flags, "-o", folder / "wall_clock.so", source, "-ldl"], check=True)
        self.new_kernel()
        super().__init__(folder, SOUND.format(folder=folder / "broker"), True, old=0)

    # --- what it is made of

    def _agent_command(self) -> list[str]:
        _, *words = super()._agent_command()[len(self._inside) :]
        settings = self.folder / "edgeagent.toml"
        text = settings.read_text() + MORE.format(folder=self.folder)
        # The bed's last cameras make room for ours.
        text = text.replace(f"backlog_per_s = {BACKLOG_PER_S}", f"backlog_per_s = {PER_S}")
        text += "".join(CAMERA.format(number=n) for n in range(8, CAMERAS))
        settings.write_text(text)
        boot = str(Path(__file__).with_name("boot.py"))
        return [*self._inside, sys.executable, boot, str(self.folder), sys.executable, *words]

    def _peer_command(self) -> list[str]:
        program = str(Path(__file__).parents[1] / "fire" / "peer.py")
        words = [self.host, str(PORT), PEER, str(CAMERAS), str(self.folder / "count"), "hunter2"]
        return [*self._inside, sys.executable, program, *words]

    # --- what happens to it

    def set_clock(self, off_s: int) -> None:
        """Set the agent's wall clock wrong by so much, at once."""
        with (self._kernel_folder / "clock").open("r+b") as file:
            file.write(struct.pack("=q", off_s))

    def new_kernel(self) -> None:
        """From the next start of the agent on, be a machine that has just booted."""
        self._boot_id.write_text(f"{uuid.uuid4()}\n")
        offset_s = UPTIME_S - int(time.monotonic())
        (self._kernel_folder / "uptime").write_text(str(offset_s))

    def reboot(self, is_kernel_new: bool) -> None:
        """Kill agent and peer at once; start them again."""
        for party in (self.agent, self.peer):
            party.end(signal.SIGKILL)
        if is_kernel_new:
            self.new_kernel()
        time.sleep(OFF_S)
        self.agent.start()
        self.peer.start()

    def change_settings(self) -> None:
        """Change live settings and some that open the link anew, and have them read."""
        settings = self.folder / "edgeagent.toml"
        text = settings.read_text().replace("keepalive_s = 10", "keepalive_s = 8")
        settings.write_text(
            text.replace(f"backlog_per_s = {PER_S}", f"backlog_per_s = {PER_S + 1}")
        )
        self.agent.send(signal.SIGHUP)

    def status(self) -> dict[str, Any] | None:
        """Ask the agent how it fares, None where nobody answers."""
        try:
            with asked(self.folder / "state", {"do": "status"}) as told:
                return dict(told) if told else None
        except EdgeagentError:
            return None

    def pending(self) -> int | None:
        """Return how much the agent says is still to be acknowledged."""
        told = self.status()
        return int(told["outbox"]["pending"]) if told else None


def make_clip(path: Path) -> None:
    """Write a film of a square that walks."""
    with av.open(str(path), "w") as film:
        stream = film.add_stream("mpeg4", rate=CLIP_FPS)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for number in range(CLIP_S * CLIP_FPS):
            picture = np.full((120, 160, 3), 110, np.uint8)
            picture[50:80, number * 12 : number * 12 + 30] = 200
            film.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        film.mux(stream.encode())
