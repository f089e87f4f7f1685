"""Label files of both styles, and what is in a model's own archive."""

import contextlib
import io
import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeagent.adding.labels import labels_within, read_labels
from edgeagent.errors import BundleError

DATA = os.environ.get("EDGEAGENT_TESTDATA", "")
needs_coral = pytest.mark.skipif(not DATA, reason="needs EDGEAGENT_TESTDATA: Coral's labels")


def read(tmp_path: Path, data: str | bytes) -> tuple[str, ...]:
    path = tmp_path / "labels.txt"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return read_labels(path)


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("person\nbicycle\n", ("person", "bicycle")),
        ("person\r\nhot dog\r\n\r\n\n", ("person", "hot dog")),
        ("\ufeffperson\n\ncar", ("person", "n/a", "car")),
        ("0  person\n1  bicycle\n", ("person", "bicycle")),
        ("0:person\n1: bicycle\n", ("person", "bicycle")),
        ("0  person\n\n3  hot dog\n", ("person", "n/a", "n/a", "hot dog")),
        ("2 c\n0 a\n1 b\n", ("a", "b", "c")),
        ("0\n1\n2\n", ("0", "1", "2")),
        ("3 of clubs\n3 of hearts\n", ("3 of clubs", "3 of hearts")),
        ("7 eleven\nshop\n", ("7 eleven", "shop")),
        ("Jämthund\n犬\n", ("Jämthund", "犬")),
    ],
)
def test_plain_and_numbered_lines_are_read(
    tmp_path: Path, text: str, labels: tuple[str, ...]
) -> None:
    assert read(tmp_path, text) == labels


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ("", "has no label in it; one a line"),
        ("\n\n", "has no label in it"),
        (b"\xff\xfe\0", "is not UTF-8 text"),
        (b"\x89PNG\r\n\x1a\n", "is not UTF-8 text"),
        ("a\x00b\n", "label 0, 'a\\x00b', is not of 1 to 128 printable characters"),
        ("x" * 129, f"label 0, '{'x' * 40}', is not of 1 to 128"),
        ("x\n" * 40000, "is longer than 65,536 bytes"),
        ("99999 cat\n", "class 99999 is beyond 65535"),
    ],
)
def test_what_is_no_list_is_refused(tmp_path: Path, data: str | bytes, told: str) -> None:
    with pytest.raises(BundleError) as raised:
        read(tmp_path, data)
    assert str(raised.value).startswith(f"{tmp_path / 'labels.txt'}: {told}")


def test_a_list_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="No such file or directory; name a text file of labels"):
        read_labels(tmp_path / "none")


@needs_coral
def test_corals_own_lists_are_read() -> None:
    folder = Path(DATA) / "models"
    coco, imagenet = (read_labels(folder / f"{which}_labels.txt") for which in ("coco", "imagenet"))
    assert (len(coco), coco[0], coco[11], coco[17], coco[-1]) == (
        90, "person", "n/a", "dog", "toothbrush",
    )  # fmt: skip
    assert (len(imagenet), imagenet[0], imagenet[-1]) == (
        1001, "background", "toilet tissue, toilet paper, bathroom tissue",
    )  # fmt: skip


def archive(**files: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, text in files.items():
            zipped.writestr(f"{name}.txt", text)
    return out.getvalue()


def test_labels_at_the_end_of_a_model_are_found(tmp_path: Path) -> None:
    model = tmp_path / "model.tflite"
    model.write_bytes(b"....TFL3" + archive(labelmap="cat\ndog\n"))
    assert labels_within(model) == ("cat", "dog")
    model.write_bytes(b"....TFL3" + archive(labels="cat\n", vocabulary="x\n"))
    assert labels_within(model) == ("cat",)
    model.write_bytes(b"....TFL3" + archive(labels="cat\n", more_labels="x\n"))
    assert labels_within(model) == ()
    model.write_bytes(b"....TFL3")
    assert labels_within(model) == ()


def test_an_archive_that_swells_or_is_damaged_is_refused(tmp_path: Path) -> None:
    model = tmp_path / "model.tflite"
    model.write_bytes(archive(labels="x" * 10_000_000))
    with pytest.raises(BundleError, match=r"labels\.txt in it: is longer than 65,536 bytes"):
        labels_within(model)
    data = bytearray(archive(labels="cat\ndog\n"))
    data[40] ^= 0xFF
    model.write_bytes(data)
    with pytest.raises(BundleError, match="its archive is damaged"):
        labels_within(model)


flips = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(flips=flips)
def test_a_spoilt_archive_is_read_or_refused(tmp_path: Path, flips: list[tuple[int, int]]) -> None:
    data = bytearray(archive(labelmap="cat\ndog\n" * 20, other="x"))
    for place, value in flips:
        data[place % len(data)] = value
    model = tmp_path / "model.tflite"
    model.write_bytes(data)
    with contextlib.suppress(BundleError):
        assert all(label.isprintable() for label in labels_within(model))
