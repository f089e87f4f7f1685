"""Real inputs made wrong, as disks, networks and strangers do it."""

import re
from collections.abc import Callable, Iterator, Sequence

from hypothesis import strategies as st

MOST_BYTES = 1 << 17
"""Longest input."""

ODD = (
    *(
        b"\0",
        b"\xff",
        b"\xc3\x28",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\n",
        b"\r\n",
        b"",
        b"\t",
    ),
    *(b"..", b"../", b"/", b"/../../../../etc/passwd", b"a/../../x", b"%00", b"\\", b"~", b"."),
    *(b"\\ud800", b"\\u0000", b'"', b"'", b"[", b"]", b"{", b"}", b"=", b":", b",", b"#"),
    *(b"null", b"true", b"NaN", b"Infinity", b"-", b"{}", b"[]", b'""', b"n" * 300, b"x" * 70_000),
    *(b"\x1b[2J", "\N{RIGHT-TO-LEFT OVERRIDE}".encode(), "\N{ARABIC-INDIC DIGIT FIVE}".encode()),
)
"""Texts that are seldom thought of."""
NUMBERS = (
    *(b"0", b"-1", b"-0.0", b"1e308", b"1e999", b"-1e999", b"nan", b"inf", b"0.1", b"1e-320"),
    *(str(sign * (1 << bits) + by).encode() for bits in (31, 32, 63, 64) for sign in (1, -1)
      for by in (-1, 0)),
    *(b"9" * 400, b"9" * 5000, b"0x" + b"f" * 5000, b"1" + b"_0" * 40, b"00000000000000000000001"),
)  # fmt: skip
BINARY = (
    *(b"\xff" * size for size in (1, 2, 4, 8)),
    *(bytes(size - 1) + b"\x80" for size in (2, 4, 8)),
    *(b"\xff" * (size - 1) + b"\x7f" for size in (2, 4, 8)),
    *(bytes(size) for size in (2, 4, 8, 64)),
)
"""Numbers as a header has them: the largest, the most negative, none."""
DEEP = (
    *((b"[", b"]"), (b"{", b"}"), (b'{"a":', b"}"), (b"{a=", b"}"), (b"a.", b""), (b"(", b")")),
    *((b"\x81", b""), (b"\xa1\x61a", b""), (b"\x30\x80", b""), (b"../", b""), (b"[", b"")),
)
"""What opens a level and what closes it: of JSON, TOML, CBOR, MessagePack, DER."""
DEPTHS = (2, 60, 500, 3000, 30_000)

Step = tuple[str, int, int]
"""Which way to mangle, and two numbers that say where and how."""
Mangle = Callable[[bytes, int, int, Sequence[bytes]], bytes]


def _cut(data: bytes, at: int, how: int, seeds: Sequence[bytes]) -> bytes:
    return data[: at % (len(data) + 1)]


def _flip(data: bytes, at: int, how: int, seeds: Sequence[bytes]) -> bytes:
    place = at % (len(data) or 1)
    flipped = (data[place] ^ (how % 255 + 1) if data else how % 256).to_bytes(1, "big")
    return data[:place] + flipped + data[place + 1 :]


def _drop(data: bytes, at: int, how: int, seeds: Sequence[bytes]) -> bytes:
    place = at % (len(data) + 1)
    return data[:place] + data[place + how % 40 + 1 :]


def _repeat(data: bytes, at: int, how: int, seeds: Sequence[bytes]) -> bytes:
    place, length, times = at % (len(data) + 1), at % 61 + 1, (1, 2, 40, 2000)[how % 4]
    return data[:place] + data[place : place + length] * times + data[place:]


def _splice(data: bytes, at: int, how: int, seeds: Sequence[bytes]) -> bytes:
    other = seeds[how % len(seeds)]
    return data[: at % (len(data) + 1)] + other[at * 31 % (len(other) + 1) :]


def _insert(data: bytes, at: int, how: int, seeds: Sequence[bytes]) -> bytes:
    place = at % (len(data) + 1)
    return data[:place] + ODD[how % len(ODD)] + data[place:]


def _replace(data: bytes, at: int, how: int, seeds: Sequence[bytes]) -> bytes:
    """Put an odd text into the place of a word."""
    return _put(rb"[A-Za-z_./-]+", ODD, data, at, how)


def _number(data: bytes, at: int, how: int, seeds: Sequence[bytes]) -> bytes:
    """Put an odd number into the place of one."""
    return _put(rb"-?\d+(?:\.\d+)?", NUMBERS, data, at, how)


def _retype(data: bytes, at: int, how: int, seeds: Sequence[bytes]) -> bytes:
    """Put a value of another kind into the place of one."""
    kinds = (*ODD, *NUMBERS, b'"x"', b"[1]", b'{"a":1}', b"1979-05-27T07:32:00Z", b"[[],{}]")
    return _put(rb'"[^"\n]{0,80}"|-?\d+(?:\.\d+)?|true|false|null', kinds, data, at, how)


def _put(pattern: bytes, by: Sequence[bytes], data: bytes, at: int, how: int) -> bytes:
    found = [match.span() for match in re.finditer(pattern, data[:20_000])]
    if not found:
        return _binary(data, at, how, ())
    begin, end = found[at % len(found)]
    return data[:begin] + by[how % len(by)] + data[end:]


def _binary(data: bytes, at: int, how: int, seeds: Sequence[bytes]) -> bytes:
    """Write a number over what is there, as a header has it."""
    place, number = at % (len(data) + 1), BINARY[how % len(BINARY)]
    return data[:place] + number + data[place + len(number) :]


def _nest(data: bytes, at: int, how: int, seeds: Sequence[bytes]) -> bytes:
    """Put a stretch of it, or a value of it, many levels deep."""
    opens, closes = DEEP[how % len(DEEP)]
    depth = DEPTHS[how // len(DEEP) % len(DEPTHS)]
    found = [match.span() for match in re.finditer(rb'"[^"\n]{0,80}"|\d+', data[:20_000])]
    begin, end = found[at % len(found)] if found and how & 1 else (at % (len(data) + 1),) * 2
    return data[:begin] + opens * depth + data[begin:end] + closes * depth + data[end:]


WAYS: dict[str, Mangle] = {
    "cut": _cut, "flip": _flip, "drop": _drop, "repeat": _repeat, "splice": _splice,
    "insert": _insert, "replace": _replace, "number": _number, "retype": _retype,
    "binary": _binary, "nest": _nest,
}  # fmt: skip


_VALUE = re.compile(rb'"[^"\n]{0,80}"|-?\d+(?:\.\d+)?|true|false|null')
_EXTREMES = (
    *(b"0", b"-1", b"1e308", b"9223372036854775807", b"18446744073709551615", b"9" * 400),
    *(b"null", b"true", b'""', b"[]", b"{}", b'"\\ud800"', b"[[[[]]]]"),
)


def extremes(data: bytes, most: int) -> Iterator[bytes]:
    """Yield ``data`` with each value in it, then all of its numbers, put to every extreme."""
    places = [match.span() for match in _VALUE.finditer(data[:20_000])]
    few = places[:: len(places) * len(_EXTREMES) // most + 1]
    for extreme in _EXTREMES:
        plain = extreme.replace(b"\\", b"\\\\")
        yield re.sub(rb"(?<=[:\[, =])-?\d+(?:\.\d+)?", plain, data[:20_000])
        yield from (data[:begin] + extreme + data[end:] for begin, end in few)


def mangled(data: bytes, steps: Sequence[Step], seeds: Sequence[bytes]) -> bytes:
    """Return ``data`` after ``steps``."""
    for way, at, how in steps:
        data = WAYS[way](data, at, how, seeds)[:MOST_BYTES]
    return data


def inputs(seeds: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Return a strategy of inputs that come of ``seeds``; now and then of nothing at all."""
    step = st.tuples(st.sampled_from(sorted(WAYS)), st.integers(0, 65535), st.integers(0, 65535))
    made = st.builds(mangled, st.sampled_from(seeds), st.lists(step, max_size=4), st.just(seeds))
    return st.one_of(made, made, made, made, st.binary(max_size=200))


def smaller(data: bytes, is_bad: Callable[[bytes], bool], tries: int = 400) -> bytes:
    """Return a shorter input that is bad as well: parts of it are left out while it stays so."""
    size = len(data) // 2
    while size and tries > 0:
        at = 0
        while at < len(data) and tries > 0:
            shorter, tries = data[:at] + data[at + size :], tries - 1
            if is_bad(shorter):
                data = shorter
            else:
                at += size
        size //= 2
    return data
