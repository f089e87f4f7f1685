"""Runs the playbooks as an owner does, from where the machines can be reached."""

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.fleet.lab import Lab
from tests.fleet.releases import CHECKOUT

PLAYBOOK = Path(sys.executable).parent / "ansible-playbook"
READER, OPERATOR = "counter", "operator"

INVENTORY = """\
[pi4]
{pi4}
[pi5]
{pi5}
[edge:children]
pi4
pi5
[broker]
{broker}
[pi5:vars]
board_pcie=True
[all:vars]
ansible_user=root
"""

SETTINGS = """\
device = "{{ inventory_hostname }}"
site = "lab"
[[camera]]
name = "clip"
source = "video"
address = "/srv/clip.mp4"
loop = true
[model]
folder = "/opt/edgeagent/models"
looks_per_s = 2
[motion]
every_s = 2
[events]
heartbeat_s = 5
[health]
stat_s = 5
[mqtt]
host = "hub"
ca_file = "/etc/edgeagent/ca.crt"
cert_file = "/etc/edgeagent/device.crt"
key_file = "credential:mqtt.key"
backoff_max_s = 2
"""


@dataclass(frozen=True)
class Told:
    """What became of one playbook."""

    status: int
    seconds: float
    text: str

    @property
    def changed(self) -> int:
        """How much it changed, over all hosts."""
        return sum(map(int, re.findall(r"changed=(\d+)", self.text)))

    @property
    def report(self) -> dict[str, tuple[str, str, str]]:
        """Release, outcome and why of each device, as its report has them."""
        rows = re.findall(r'"(pi\d+) +(\S+) +(\S+(?: \S+)*?)  +(.*?) *"', self.text)
        return {name: (release, outcome, why) for name, release, outcome, why in rows}


class Plays:
    """An inventory of the lab's machines, and the plays over it."""

    def __init__(self, lab: Lab, wheelhouse: Path) -> None:
        self._lab = lab
        self.folder = lab.folder / "inventory"
        self.folder.mkdir()
        self.settings = self.folder / "edgeagent.toml.j2"
        self.settings.write_text(SETTINGS)
        self.variables: dict[str, object] = {
            "pki_folder": str(self.folder / "pki"),
            "broker_names": ["hub", lab.machines["hub"].address],
            "broker_readers": [READER],
            "broker_operators": [OPERATOR],
            "edgeagent_wheelhouse": str(wheelhouse),
            "edgeagent_settings": str(self.settings),
            "edgeagent_watch_s": 5,
            "edgeagent_ready_s": 25,
        }
        (self.folder / "hosts.ini").write_text(self._hosts())

    def _hosts(self) -> str:
        options = " ".join(self._lab.ssh_options[:8])
        lines = {
            name: f'{name} ansible_host={machine.address} ansible_ssh_common_args="{options}"'
            for name, machine in self._lab.machines.items()
        }
        pis = [line for name, line in lines.items() if name != "hub"]
        return INVENTORY.format(pi4="\n".join(pis[:-1]), pi5=pis[-1], broker=lines["hub"])

    def run(self, playbook: str, *options: str, **variables: object) -> Told:
        """Run one, with ``variables`` on top of the fleet's own."""
        began_s = time.monotonic()
        told = subprocess.run(
            self.command(playbook, *options, **variables),
            cwd=CHECKOUT / "ansible",
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=1800,
            check=False,
        )
        text = told.stdout + told.stderr
        with (self._lab.folder / "plays.log").open("a") as log:
            log.write(f"\n##### {playbook} {options} {variables}: {told.returncode}\n{text}")
        return Told(told.returncode, time.monotonic() - began_s, text)

    def command(self, playbook: str, *options: str, **variables: object) -> list[str]:
        """Return the command line of one."""
        extra = json.dumps({**self.variables, **variables})
        play = [str(PLAYBOOK), "-i", str(self.folder / "hosts.ini"), playbook, "-e", extra]
        return [*self._lab.inside, *play, *options]

    def environment(self) -> dict[str, str]:
        """Return what ansible is to see."""
        return {
            **os.environ,
            "ANSIBLE_CONFIG": str(CHECKOUT / "ansible/ansible.cfg"),
            "ANSIBLE_HOME": str(self._lab.folder / "ansible"),
            "ANSIBLE_NOCOLOR": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
