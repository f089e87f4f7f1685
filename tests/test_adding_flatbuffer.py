"""Reading FlatBuffers that nobody vouches for: whatever the bytes, an answer or a refusal."""

import struct
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeagent.adding.flatbuffer import root
from edgeagent.errors import BundleError


def one_table(field: bytes) -> bytes:
    """A root table with one field in slot 0, whose offset points at ``field``."""
    vtable = struct.pack("<HHH", 6, 8, 4)
    return struct.pack("<I", 12) + vtable + b"\0\0" + struct.pack("<iI", 8, 4) + field


def test_a_field_that_is_left_out_is_its_default() -> None:
    table = root(one_table(b"\0\0\0\0"))
    assert table.number(1, "i", 7) == 7
    assert table.numbers(9, "i", 10) == ()
    assert table.text(1) == ""
    assert table.table(1) is None
    assert table.tables(1, 10) == []


def test_a_list_and_a_text_are_read() -> None:
    assert root(one_table(struct.pack("<I3i", 3, 1, -2, 3))).numbers(0, "i", 3) == (1, -2, 3)
    assert root(one_table(struct.pack("<I", 4) + "naïv".encode()[:4])).text(0) == "naï"
    assert root(one_table(struct.pack("<I2s", 2, b"\xff\xfe"))).text(0) == "\ufffd\ufffd"


@pytest.mark.parametrize("count", [5, 1 << 20, 0xFFFFFFFF])
def test_a_list_is_believed_only_as_far_as_there_are_bytes(count: int) -> None:
    table = root(one_table(struct.pack("<I4i", count, 1, 2, 3, 4)))
    tracemalloc.start()
    with pytest.raises(BundleError, match=f"a list of {count} at byte 20 does not fit"):
        table.numbers(0, "i", 0xFFFFFFFF)
    assert tracemalloc.get_traced_memory()[1] < 100_000
    tracemalloc.stop()


def test_a_list_longer_than_is_allowed_is_refused() -> None:
    with pytest.raises(BundleError, match="a list of 3 at byte 20 does not fit"):
        root(one_table(struct.pack("<I3i", 3, 1, 2, 3))).numbers(0, "i", 2)


def test_one_list_cannot_be_read_for_ever() -> None:
    table = root(one_table(struct.pack("<I", 1000) + bytes(1000)))
    for _ in range(8):
        table.numbers(0, "b", 1000)
    with pytest.raises(BundleError, match="its lists overlap beyond measure"):
        table.numbers(0, "b", 1000)


def test_a_table_before_the_file_is_refused() -> None:
    data = struct.pack("<Ii", 4, 100) + bytes(16)
    with pytest.raises(BundleError, match="byte -96 of 24 is asked for"):
        root(data)


@pytest.mark.parametrize("data", [b"", b"\0\0\0", b"\xff\xff\xff\xff", b"\4\0\0\0"])
def test_no_table_at_all_is_refused(data: bytes) -> None:
    with pytest.raises(BundleError, match="is asked for"):
        root(data)


@given(st.binary(max_size=64), st.integers(0, 40))
def test_whatever_the_bytes_there_is_an_answer_or_a_refusal(field: bytes, slot: int) -> None:
    try:
        table = root(one_table(field))
        table.numbers(slot, "q", 100)
        table.text(slot)
        table.tables(slot, 100)
        table.table(slot)
    except BundleError:
        pass
