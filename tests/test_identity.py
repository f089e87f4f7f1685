import re
from pathlib import Path

import pytest

from edgeagent.identity import begin_boot, client_id


def test_a_first_boot_has_none_before_it(tmp_path: Path) -> None:
    boot = begin_boot(tmp_path / "state", "kernel01")
    assert re.fullmatch("1-[0-9a-f]{8}", boot.name)
    assert (boot.previous, boot.ended, boot.fault) == ("", "none", "")


def test_boots_are_counted_and_know_how_the_one_before_ended(tmp_path: Path) -> None:
    first = begin_boot(tmp_path, "kernel01")
    first.end()
    second = begin_boot(tmp_path, "kernel01")
    assert (second.previous, second.ended) == (first.name, "clean")
    third = begin_boot(tmp_path, "kernel01")
    assert (third.previous, third.ended) == (second.name, "killed")
    fourth = begin_boot(tmp_path, "kernel02")
    assert (fourth.previous, fourth.ended) == (third.name, "power")
    assert [boot.name.split("-")[0] for boot in (first, second, third, fourth)] == list("1234")


def test_an_unknown_kernel_boot_counts_as_a_power_cut(tmp_path: Path) -> None:
    begin_boot(tmp_path, "")
    assert begin_boot(tmp_path, "").ended == "power"


def test_two_cloned_cards_give_their_boots_different_names(tmp_path: Path) -> None:
    names = {begin_boot(tmp_path / str(n), "kernel01").name for n in range(20)}
    assert len(names) == 20


def test_a_state_folder_that_cannot_be_written_does_not_stop_the_agent(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    boot = begin_boot(tmp_path / "file" / "state", "kernel01")
    assert boot.name.startswith("1-")
    assert "cannot be kept" in boot.fault
    boot.end()


@pytest.mark.parametrize("rot", [b"\x00" * 40, b"", b'{"n": 1, "boot": "\xff"}', b"[]"])
def test_a_damaged_counter_is_begun_anew(tmp_path: Path, rot: bytes) -> None:
    begin_boot(tmp_path, "kernel01")
    (tmp_path / "boot.json").write_bytes(rot)
    assert begin_boot(tmp_path, "kernel01").name.startswith("1-")


def test_the_client_id_is_steady_and_does_not_tell_the_machine_id(tmp_path: Path) -> None:
    machine = tmp_path / "machine-id"
    machine.write_text("0123456789abcdef0123456789abcdef\n")
    assert client_id(tmp_path, machine) == "962922f540099aa4"
    assert client_id(tmp_path / "elsewhere", machine) == "962922f540099aa4"


def test_an_id_that_has_rotted_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "client-id").write_bytes(b"\xff\xfe\x00")
    first = client_id(tmp_path, tmp_path / "none")
    assert client_id(tmp_path, tmp_path / "none") == first


def test_a_machine_without_an_id_keeps_a_random_one(tmp_path: Path) -> None:
    first = client_id(tmp_path / "a", tmp_path / "none")
    assert first == client_id(tmp_path / "a", tmp_path / "none")
    assert first != client_id(tmp_path / "b", tmp_path / "none")
    assert re.fullmatch("[0-9a-f]{16}", first)
