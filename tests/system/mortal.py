"""An agent that dies of one value, ``events.top = 7``, soon after it is in force.

Otherwise it is what ``edgeagent run`` starts: ``python -m tests.system.mortal FILE STATE``.
"""

import os
import signal
import sys
import threading
import time
from pathlib import Path

from edgeagent import settings
from edgeagent.clock import SystemClock
from edgeagent.supervisor import Supervisor, on_signals

DEADLY = 7
AFTER_S = 1.0


class Mortal(Supervisor):
    """See the module."""

    def die_of_it(self) -> None:
        """End as an abort in a library or the kernel's OOM killer ends it: without a word."""
        while self._config.events.top != DEADLY:
            time.sleep(0.05)
        time.sleep(AFTER_S)
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    file, state = Path(sys.argv[1]), Path(sys.argv[2])
    config = settings.load(file)
    agent = Mortal(config, file, state, SystemClock(config.clock.flag))
    on_signals(agent)
    threading.Thread(target=agent.die_of_it, daemon=True).start()
    sys.exit(agent.run())
