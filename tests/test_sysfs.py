"""One-line files as the kernel writes them, and such as it does not."""

from pathlib import Path

import pytest

from edgeagent.sysfs import number_of, text_of


@pytest.mark.parametrize(
    ("written", "text", "number"),
    [
        (b"61345\n", "61345", 61345),
        (b"-5000\n", "-5000", -5000),
        (b"0x1a6e\n", "0x1a6e", None),
        (b"\n", "", None),
        (b"\xff\xfe", "", None),
    ],
)
def test_a_line_and_the_number_in_it(
    written: bytes, text: str, number: int | None, tmp_path: Path
) -> None:
    path = tmp_path / "temp"
    path.write_bytes(written)
    assert (text_of(path), number_of(path)) == (text, number)


def test_what_has_gone_says_nothing(tmp_path: Path) -> None:
    assert text_of(tmp_path / "gone") == ""
    assert number_of(tmp_path) is None
