"""``edgeagent motion``: the account of a clip, in plain text."""

from pathlib import Path

import pytest

from edgeagent import cli, clips


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli.main(["motion", str(clips.demo()), *arguments]) == 0
    return capsys.readouterr().out


def test_a_clip_has_a_time_line_and_a_grid_of_activity(capsys: pytest.CaptureFixture[str]) -> None:
    head, marks, activity = printed(capsys).split("\n\n")
    assert head.startswith("cockatoo.mp4: 280 frames in 13.9 s, 160x90 cells; ")
    line = marks.splitlines()[1].removeprefix("     0 s  ")
    assert len(line) == 14
    assert set(line) <= set("~.+#")
    assert {".", "#"} < set(line)
    rows = [row.split("|")[0].split() for row in activity.splitlines()[1:]]
    assert [len(row) for row in rows] == [8] * 6
    assert all(0 <= float(share) <= 100 for row in rows for share in row)


def test_a_frame_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    told = printed(capsys, "--at", "3").split("\n\n")[-1].splitlines()
    assert told[0] == "at 3 s, frame 60: worth a look"
    assert told[2].startswith("  light and shake          gain ")
    assert any(line.endswith("let through") for line in told)
    assert any(line.endswith("no cell over the high threshold") for line in told)


def test_a_frame_beyond_the_end_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["motion", str(clips.demo()), "--at", "99"]) == 64
    assert "--at 99: the clip goes from 0 to 13.9 s" in capsys.readouterr().err


def test_a_plot_is_a_png(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib", reason="needs matplotlib")
    file = tmp_path / "cockatoo.png"
    printed(capsys, "--plot", str(file))
    assert file.read_bytes().startswith(b"\x89PNG")
    assert cli.main(["motion", str(clips.demo()), "--plot", str(tmp_path / "no" / "x.png")]) == 64
