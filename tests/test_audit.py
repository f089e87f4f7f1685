"""The log of orders: chained, rotated, torn, full, and held to what was once said of it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edgeagent.audit import FILE, NOTHING, OLDER, Audit, Head, check, head_of
from edgeagent.cli import main
from edgeagent.clock import ManualClock
from edgeagent.errors import UsageError


def written(folder: Path, count: int = 5, max_bytes: int = 1 << 20) -> Audit:
    audit = Audit(folder, ManualClock(), max_bytes)
    for number in range(count):
        audit.add("done", {"do": "look", "id": f"a{number}"})
    return audit


def changed(path: Path, line: int, old: str, new: str) -> None:
    lines = path.read_text().splitlines(keepends=True)
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new)
    path.write_text("".join(lines))


def test_each_line_holds_the_digest_of_the_one_before(tmp_path: Path) -> None:
    audit = written(tmp_path, 3)
    lines = [json.loads(line) for line in (tmp_path / FILE).read_text().splitlines()]
    assert [line["n"] for line in lines] == [1, 2, 3]
    assert lines[0]["prev"] == NOTHING
    story = check(tmp_path)
    assert [line["prev"] for line in lines] == [story.digests[n] for n in (0, 1, 2)]
    assert (story.fault, story.head) == ("", audit.head)


def test_a_log_goes_on_where_another_process_ended(tmp_path: Path) -> None:
    first = written(tmp_path).head
    again = written(tmp_path)
    assert again.head.length == 10
    story = check(tmp_path)
    story.hold_to(first)
    assert story.fault == ""


def test_a_rotated_log_carries_its_head_over_and_stays_small(tmp_path: Path) -> None:
    audit = written(tmp_path, 60, max_bytes=2000)
    assert (tmp_path / FILE).stat().st_size <= 2000
    assert (tmp_path / OLDER).stat().st_size <= 2000
    story = check(tmp_path)
    assert (story.fault, story.head, story.head.length) == ("", audit.head, 60)
    assert 30 < story.first < 60
    assert Audit(tmp_path, ManualClock()).head == audit.head


@pytest.mark.parametrize(
    ("line", "old", "new", "found"),
    [
        (2, '"a1"', '"b1"', ":3: line 2 is not the one"),
        (2, '"n":2', '"n":7', ":2: it is line 7, and 2 is due"),
        (1, NOTHING, "1" * 64, ":1: it is the first, and names one before it"),
        (4, "{", "(", ":4: it is no line of an audit log"),
    ],
)
def test_a_changed_line_is_found(line: int, old: str, new: str, found: str, tmp_path: Path) -> None:
    written(tmp_path)
    changed(tmp_path / FILE, line, old, new)
    assert found in check(tmp_path).fault


@pytest.mark.parametrize("line", [b'{"n":5,"prev":"\xff"}', b"[" * 9000, b"", b"7", b'{"n":1e99}'])
def test_a_log_of_any_bytes_can_be_read_and_added_to(line: bytes, tmp_path: Path) -> None:
    written(tmp_path)
    with (tmp_path / FILE).open("ab") as file:
        file.write(line + b"\n")
    assert ":6: it is no line" in written(tmp_path, 1).fault
    assert check(tmp_path).head.length == 7


def test_what_cannot_be_a_log_is_not_read_into_memory(tmp_path: Path) -> None:
    with (tmp_path / FILE).open("wb") as file:
        file.truncate(1 << 40)
    assert "larger than a log can be" in Audit(tmp_path, ManualClock()).fault
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).symlink_to("/dev/null")
    assert "it is no file" in Audit(tmp_path, ManualClock()).fault


def test_a_line_taken_out_of_the_middle_is_found(tmp_path: Path) -> None:
    written(tmp_path)
    lines = (tmp_path / FILE).read_text().splitlines(keepends=True)
    (tmp_path / FILE).write_text("".join(lines[:2] + lines[3:]))
    assert ":3: it is line 4, and 3 is due" in check(tmp_path).fault


def test_what_only_a_head_that_was_told_can_find_is_found_by_it(tmp_path: Path) -> None:
    head = written(tmp_path).head
    lines = (tmp_path / FILE).read_text().splitlines(keepends=True)
    (tmp_path / FILE).write_text("".join(lines[:4]))
    story = check(tmp_path)
    assert story.fault == ""
    story.hold_to(head)
    assert "there were 5 lines, there are 4" in story.fault


def test_a_log_written_anew_whole_is_found_by_a_head(tmp_path: Path) -> None:
    head = written(tmp_path, 3).head
    (tmp_path / FILE).unlink()
    written(tmp_path, 5, 1 << 20)
    story = check(tmp_path)
    story.hold_to(head)
    assert story.fault == ""  # the same lines at the same time: the same log
    (tmp_path / FILE).unlink()
    Audit(tmp_path, ManualClock()).add("done", {"do": "look", "id": "other"})
    written(tmp_path, 4)
    story = check(tmp_path)
    story.hold_to(head)
    assert "line 3: it was another one" in story.fault


def test_an_older_file_that_is_missing_is_found(tmp_path: Path) -> None:
    written(tmp_path, 60, max_bytes=2000)
    (tmp_path / OLDER).unlink()
    assert "it is missing" in check(tmp_path).fault


def test_a_head_older_than_what_is_kept_cannot_be_compared(tmp_path: Path) -> None:
    first = written(tmp_path, 1).head
    written(tmp_path, 60, max_bytes=2000)
    with pytest.raises(UsageError, match="not kept any more"):
        check(tmp_path).hold_to(first)


def test_a_torn_last_line_is_cut_off_and_the_chain_holds(tmp_path: Path) -> None:
    head = written(tmp_path).head
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'{"n":6,"prev":"12')
    assert written(tmp_path, 1).head.length == 6
    story = check(tmp_path)
    story.hold_to(head)
    assert story.fault == ""


def test_a_broken_log_is_said_to_be_and_goes_on(tmp_path: Path) -> None:
    written(tmp_path)
    changed(tmp_path / FILE, 5, "{", "(")
    audit = Audit(tmp_path, ManualClock())
    assert ":5: it is no line" in audit.fault
    audit.add("done", {"do": "look", "id": "b"})
    assert audit.head.length == 6
    assert ":5: it is no line" in check(tmp_path).fault


def test_what_cannot_be_written_is_not_counted(tmp_path: Path) -> None:
    audit = written(tmp_path)
    head = audit.head
    (tmp_path / FILE).rename(tmp_path / "away")
    (tmp_path / FILE).symlink_to("/dev/full")
    with pytest.raises(OSError, match="space"):
        audit.add("done", {"do": "look", "id": "b"})
    assert audit.head == head
    (tmp_path / FILE).unlink()
    (tmp_path / "away").rename(tmp_path / FILE)
    audit.add("done", {"do": "look", "id": "c"})
    assert check(tmp_path).fault == ""


def test_the_command_says_whether_it_is_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    early = written(tmp_path, 2).head
    late = written(tmp_path, 3).head
    command = ["audit", "--state", str(tmp_path)]
    assert main([*command, "--against", str(early), "--against", str(late)]) == 0
    assert f"5 lines; head {late}" in capsys.readouterr().out
    changed(tmp_path / FILE, 4, '"a1"', '"b1"')
    assert main(command) == 1
    assert "audit.log:5: line 4 is not the one" in capsys.readouterr().out
    assert main([*command, "--against", f"{late.digest}:x"]) == 64


def test_a_device_that_was_never_ordered_anything_has_an_empty_log(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "edgeagent", "audit", "--state", str(tmp_path / "none")],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (told.returncode, told.stdout.split(";")[0]) == (0, "whole   0 lines")


@pytest.mark.parametrize("text", ["", ":", "ab:3", "G" * 64 + ":1", "a" * 64, "a" * 64 + ":-1"])
def test_what_is_no_head_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not HEAD:LENGTH"):
        head_of(text)


def test_a_head_is_read_as_it_is_written() -> None:
    head = Head("ab" * 32, 17)
    assert head_of(str(head)) == head
