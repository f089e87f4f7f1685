"""Several workers learn what one learns."""

import sys
from pathlib import Path

import numpy as np

from .nets import write_album

WORKER = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
from pathlib import Path
from edgeagent.workshop.training.team import Joined
team = Joined() if sys.argv[2] == "joined" else None
import numpy as np
from tests.workshop.nets import SIDE, tiny_front
from edgeagent.workshop.training.album import read_album
from edgeagent.workshop.training.classifier import Classifier
from edgeagent.workshop.training.fitting import Plan, fit
from edgeagent.workshop.training.team import ALONE
folder = Path(sys.argv[1])
task = Classifier(read_album(folder / "data", SIDE), tiny_front())
kept = folder / f"{sys.argv[2]}.npz"
fit(task, Plan(3, 8, 0.05), kept, print, lambda done, whole: None, team or ALONE)
"""


def test_two_workers_learn_what_one_does(tmp_path: Path) -> None:
    from edgeagent.workshop.training import crew

    write_album(tmp_path / "data", 6)
    command = [sys.executable, "-c", WORKER, str(tmp_path)]
    assert crew.run([*command, "alone"], 1) == 0
    assert crew.run([*command, "joined"], 2) == 0
    with np.load(tmp_path / "alone.npz") as one, np.load(tmp_path / "joined.npz") as two:
        names = [name for name in one.files if name != "key"]
        assert len(names) == 7
        for name in names:
            np.testing.assert_allclose(one[name], two[name], rtol=1e-3, atol=1e-5)


def test_when_one_worker_fails_the_others_do_not_wait_for_ever() -> None:
    from edgeagent.workshop.training import crew

    fails = "import json, os, sys, time; "
    fails += "index = json.loads(os.environ['TF_CONFIG'])['task']['index']; "
    fails += "sys.exit(7) if index else time.sleep(600)"
    assert crew.run([sys.executable, "-c", fails], 2, grace_s=0.2) == 7
