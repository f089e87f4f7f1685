"""What is known of pictures is read from four kinds of file, and all that is wrong told at once."""

import json
from pathlib import Path

import pytest

from edgeagent.errors import UsageError
from edgeagent.evaluation.reading import FRAMES_A_UNIT, read_truth
from edgeagent.evaluation.truth import by_identity, fitting


def pictures(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"P5 2 2 255\n\0\1\2\3")
    return folder


def lines(file: Path, *rows: str) -> Path:
    file.write_text("\n".join(rows) + "\n")
    return file


def test_a_folder_for_each_class_names_the_labels(tmp_path: Path) -> None:
    truth = read_truth(pictures(tmp_path, "cat/a.pgm", "cat/deep/b.pgm", "dog/c.pgm"), None)
    assert [shot.name for shot in truth.shots] == ["cat/a.pgm", "cat/deep/b.pgm", "dog/c.pgm"]
    assert [row.label for row in truth.rows] == ["cat", "cat", "dog"]


def test_every_empty_class_is_named_at_once(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
    told = read_truth(tmp_path, None).faults
    assert [one.partition(";")[0] for one in told] == [
        f"{tmp_path}/cat: no picture in it",
        f"{tmp_path}/dog: no picture in it",
    ]


def test_a_folder_with_nothing_in_it_is_said_to_be_empty(tmp_path: Path) -> None:
    assert read_truth(tmp_path, None).faults == (f"{tmp_path}: there is no picture in it",)


def coco(folder: Path, **changed: object) -> Path:
    told = {
        "images": [{"id": 7, "file_name": "a.pgm"}, {"id": 9, "file_name": "b.pgm"}],
        "categories": [{"id": 3, "name": "cat"}],
        "annotations": [
            {"image_id": 9, "category_id": 3, "bbox": [1, 2, 30, 40], "area": 900, "iscrowd": 0},
            {"image_id": 7, "category_id": 3, "bbox": [0, 0, 200, 100], "iscrowd": 1},
        ],
    } | changed
    file = folder / "truth.json"
    file.write_text(json.dumps(told))
    return file


def test_cocos_json_gives_boxes_sizes_and_crowds(tmp_path: Path) -> None:
    pictures(tmp_path, "a.pgm", "images/b.pgm")
    truth = read_truth(coco(tmp_path), None)
    assert truth.shots[1].path == tmp_path / "images" / "b.pgm"
    first, second = truth.rows
    assert (first.shot, first.box_px, first.size, first.crowd) == (
        1,
        (1, 2, 31, 42),
        "small",
        False,
    )
    assert (second.shot, second.area_px2, second.size, second.crowd) == (0, 20000, "large", True)


def test_pictures_that_are_not_there_are_all_named(tmp_path: Path) -> None:
    told = read_truth(coco(tmp_path), None).faults
    assert told == tuple(f"{tmp_path / name}: no such file" for name in ("a.pgm", "b.pgm"))


def test_json_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not what COCO's instances are"):
        read_truth(lines(tmp_path / "x.json", "[1, 2]"), None)


def test_mot_rows_count_frames_from_one(tmp_path: Path) -> None:
    clip = pictures(tmp_path, "clip.avi") / "clip.avi"
    rows = lines(tmp_path / "det.txt", "1,-1,10,20,30,40,0.9", "3,7,1,2,3,4,0.5,-1,-1,-1")
    truth = read_truth(clip, rows, label="walker")
    assert [shot.frame for shot in truth.shots] == [0, 2, 1]
    assert truth.rows[0].box_px == (10, 20, 40, 60)
    assert {row.label for row in truth.rows} == {"walker"}
    assert dict(truth.rows[1].columns) == {"id": "7"}


def test_frames_between_are_asked_about_too_and_neighbours_are_drawn_together(
    tmp_path: Path,
) -> None:
    clip = pictures(tmp_path, "clip.avi") / "clip.avi"
    rows = lines(tmp_path / "det.txt", f"{2 * FRAMES_A_UNIT},-1,10,20,30,40,0.9")
    truth = read_truth(clip, rows)
    assert len(truth.shots) == 2 * FRAMES_A_UNIT
    assert len({shot.unit for shot in truth.shots}) == 2


def test_only_each_so_many_th_frame_is_asked_about(tmp_path: Path) -> None:
    clip = pictures(tmp_path, "clip.avi") / "clip.avi"
    rows = lines(tmp_path / "det.txt", *(f"{n},-1,10,20,30,40" for n in range(1, 12)))
    assert sorted(shot.frame for shot in read_truth(clip, rows, every=5).shots) == [0, 5, 10]


def test_mot_rows_that_its_own_truth_leaves_out_are_left_aside(tmp_path: Path) -> None:
    clip = pictures(tmp_path, "clip.avi") / "clip.avi"
    rows = lines(tmp_path / "gt.txt", "1,1,10,20,30,40,1,1,1", "1,2,90,20,30,40,0,1,1")
    assert [row.crowd for row in read_truth(clip, rows).rows] == [False, True]


def test_every_line_that_is_no_mot_row_is_told(tmp_path: Path) -> None:
    clip = pictures(tmp_path, "clip.avi") / "clip.avi"
    rows = lines(tmp_path / "gt.txt", "1,1,10,20,30,40", "1,x,90,20,30,40", "2,1,5")
    told = "\n".join(read_truth(clip, rows).faults)
    assert "gt.txt:2:" in told
    assert "gt.txt:3:" in told


def test_mot_rows_go_with_a_folder_of_frames(tmp_path: Path) -> None:
    frames = pictures(tmp_path / "img1", "000001.pgm", "000002.pgm")
    rows = lines(tmp_path / "det.txt", "2,-1,10,20,30,40")
    truth = read_truth(frames, rows)
    assert truth.shots[truth.rows[0].shot].name == "000002.pgm"
    assert "frame 3 of 2 stills" in read_truth(frames, lines(rows, "3,-1,10,20,30,40")).faults[0]


def test_a_table_gives_boxes_columns_and_empty_pictures(tmp_path: Path) -> None:
    pictures(tmp_path, "a.pgm", "b.pgm")
    rows = lines(
        tmp_path / "t.csv",
        "file,label,left,top,right,bottom,camera,hidden",
        "a.pgm,cat,1,2,3,4,door,no",
        "a.pgm,cat,5,6,7,8,door,yes",
        "b.pgm,,,,,,yard,",
    )
    truth = read_truth(rows, None)
    assert [dict(shot.columns) for shot in truth.shots] == [
        {"camera": "door"},
        {"camera": "yard", "hidden": ""},
    ]
    assert [row.columns["hidden"] for row in truth.rows] == ["no", "yes"]


def test_every_fault_of_a_table_is_told_with_its_line(tmp_path: Path) -> None:
    rows = lines(
        tmp_path / "t.csv",
        "file,label,left,top,right,bottom",
        "gone.pgm,cat,1,2,3,4",
        "lost.pgm,cat,1,2,x,4",
        "lost.pgm,cat,9,2,3,4",
    )
    told = "\n".join(read_truth(rows, None).faults)
    wanted = ("gone.pgm: no such", "lost.pgm: no such", "csv:3:", "csv:4:")
    assert all(what in told for what in wanted)


def test_a_table_without_its_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no column label"):
        read_truth(lines(tmp_path / "t.csv", "file,what", "a.pgm,cat"), None)


def test_a_clip_alone_says_nothing_of_itself(tmp_path: Path) -> None:
    clip = pictures(tmp_path, "clip.avi") / "clip.avi"
    with pytest.raises(UsageError, match="say so with --csv"):
        read_truth(clip, None)


def test_labels_that_the_model_does_not_know_are_all_named(tmp_path: Path) -> None:
    truth = read_truth(pictures(tmp_path, "cat/a.pgm", "dgo/b.pgm", "emu/c.pgm"), None)
    with pytest.raises(UsageError) as told:
        fitting(truth, ["cat", "dog"], "classify", known_only=False)
    assert "'dgo': the model has none; did you mean 'dog'?" in str(told.value)
    assert "'emu'" in str(told.value)
    assert len(fitting(truth, ["cat", "dog"], "classify", known_only=True).rows) == 1
    with pytest.raises(UsageError, match="nothing that the model knows"):
        fitting(truth, ["fox"], "classify", known_only=True)


def test_a_detector_is_not_judged_without_boxes(tmp_path: Path) -> None:
    truth = read_truth(pictures(tmp_path, "cat/a.pgm"), None)
    with pytest.raises(UsageError, match=r"cat/a\.pgm: a detector is judged by boxes"):
        fitting(truth, ["cat"], "detect", known_only=False)


def test_which_one_it_is_becomes_the_label(tmp_path: Path) -> None:
    clip = pictures(tmp_path, "clip.avi") / "clip.avi"
    rows = lines(tmp_path / "det.txt", "1,4,10,20,30,40", "1,-1,10,20,30,40")
    truth = by_identity(read_truth(clip, rows))
    assert [row.label for row in truth.rows] == ["4"]
    with pytest.raises(UsageError, match="no row has an id"):
        by_identity(read_truth(clip, lines(rows, "1,-1,10,20,30,40")))
