"""Is what a bench would open held by an agent: it is asked, and where it is mute its lock tells."""

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from edgeagent.bench.held import Wants, assert_free, lock_holder
from edgeagent.control import unit
from edgeagent.errors import EdgeagentError, RetryError, UsageError

NULL = Path("/dev/null")
"""A device like any other."""


def held(ports: list[str] | None = None, unit: str = "edgeagent.service") -> Mapping[str, Any]:
    tpus = [{"name": f"usb:{n}", "port": port} for n, port in enumerate(ports or [])]
    return {"ok": True, "pid": 7, "unit": unit, "cameras": {"door": "/dev/null"}, "tpus": tpus}


@pytest.mark.parametrize(
    ("wanted", "theirs"),
    [(["2-1"], ["2-1"]), ([""], ["2-1"]), (["2-1"], [""]), (["a", "b"], ["b"])],
)
def test_an_edge_tpu_that_the_agent_has_is_not_opened(wanted: list[str], theirs: list[str]) -> None:
    with pytest.raises(RetryError) as refused:
        assert_free(Wants(wanted), lambda: held(theirs))
    assert str(refused.value) == (
        "Edge TPU usb:0 is held by edgeagent.service (process 7): stop it first (systemctl stop "
        "edgeagent), or ask it for its own times: edgeagent bench --live"
    )


@pytest.mark.parametrize(("wanted", "theirs"), [([], ["2-1"]), (["2-2"], ["2-1"]), (["2-1"], [])])
def test_one_that_it_has_not_is_and_the_figures_are_said_to_be_shared(
    wanted: list[str], theirs: list[str]
) -> None:
    (note,) = assert_free(Wants(wanted), lambda: held(theirs))
    assert note.startswith("edgeagent.service (process 7) ran meanwhile: the machine was shared")


def test_a_camera_that_it_reads_is_not_opened_by_whatever_name(tmp_path: Path) -> None:
    (tmp_path / "video").symlink_to(NULL)
    for path in (NULL, tmp_path / "video"):
        with pytest.raises(RetryError, match="camera door, is held by edgeagent"):
            assert_free(Wants(file=path), held)
    assert assert_free(Wants(file=Path("/dev/zero")), held)


def test_a_clip_is_nobodys_alone(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.touch()
    assert assert_free(Wants(file=clip), lambda: {**held(), "cameras": {"door": str(clip)}})


def test_an_agent_that_is_no_unit_is_named_by_its_process() -> None:
    with pytest.raises(RetryError, match=r"an edgeagent \(process 7\): stop it first \(kill 7\)"):
        assert_free(Wants(["2-1"]), lambda: held(["2-1"], unit=""))


@pytest.mark.parametrize("error", [UsageError("'holds': there is lend"), RetryError("be root")])
def test_one_that_cannot_be_asked_may_hold_it(error: EdgeagentError) -> None:
    def ask() -> Mapping[str, Any]:
        raise error

    with pytest.raises(RetryError, match=r"may hold what is to be measured.*--device cpu"):
        assert_free(Wants(["2-1"]), ask)
    (note,) = assert_free(Wants(), ask)
    assert "the machine was shared" in note


def test_one_that_does_not_listen_is_known_by_its_lock(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    ledger.touch()
    ledgers = [tmp_path / "none", ledger]
    assert assert_free(Wants(["2-1"]), lambda: None, ledgers) == ()
    with ledger.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert lock_holder(ledger) == os.getpid()
        with pytest.raises(RetryError, match=f"process {os.getpid()}"):
            assert_free(Wants(["2-1"]), lambda: None, ledgers)
        assert "shared" in assert_free(Wants(), lambda: None, ledgers)[0]
    assert lock_holder(ledger) == 0


def test_where_nobody_runs_nothing_is_said() -> None:
    assert assert_free(Wants(["2-1"], NULL), lambda: None) == ()


@pytest.mark.parametrize(
    ("cgroup", "name"),
    [
        ("0::/system.slice/edgeagent.service\n", "edgeagent.service"),
        ("1:name=systemd:/system.slice/x.service\n0::/system.slice/x.service\n", "x.service"),
        ("0::/user.slice/user-1000.slice/session-3.scope\n", ""),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/run.service\n", ""),
        ("0::/\n", ""),
        ("", ""),
    ],
)
def test_the_unit_is_that_of_systemd_and_of_no_persons_shell(cgroup: str, name: str) -> None:
    assert unit(cgroup) == name
