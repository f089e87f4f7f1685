"""Semantic versions: what one looks like, and which comes before which (semver.org, 2.0.0)."""

import re

Identifier = tuple[bool, int, str]
"""A part of what stands after the hyphen: numbers by value, and before words."""

Rank = tuple[int, int, int, bool, tuple[Identifier, ...]]
"""What two versions are compared by; what stands after ``+`` counts for nothing."""

UNKNOWN: Rank = (-1, 0, 0, False, ())
"""Before every version: of what is none."""

_NUMBER = r"(0|[1-9]\d{0,8})"
_WORD = r"(?:0|[1-9]\d{0,8}|\d*[A-Za-z-][0-9A-Za-z-]*)"
_WHOLE = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-({_WORD}(?:\.{_WORD})*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?",
    re.ASCII,
)
_SHORT = re.compile(rf"{_NUMBER}(?:\.{_NUMBER})?", re.ASCII)
_RELEASE = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(.*)", re.ASCII)
_UNFINISHED = re.compile(r"\.?(a|b|rc|dev)(\d{0,9})", re.ASCII)


def rank(text: str) -> Rank:
    """Return what ``text`` is compared by.

    Raises:
        ValueError: it is no semantic version.
    """
    found = _WHOLE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a semantic version such as 1.4.0 or 2.0.0-rc.1")
    major, minor, patch, before = found.groups()
    words = before.split(".") if before else []
    return int(major), int(minor), int(patch), not words, tuple(map(_identifier, words))


def _identifier(word: str) -> Identifier:
    return (False, int(word), "") if word.isdecimal() else (True, 0, word)


def completed(text: str) -> str:
    """Return ``1`` as ``1.0.0`` and ``1.2`` as ``1.2.0``; anything else as it is."""
    if not _SHORT.fullmatch(text):
        return text
    return f"{text}{'.0' * (2 - text.count('.'))}"


def rank_of_any(text: str) -> Rank:
    """Return the rank of whatever a bundle may say: short ones completed, others `UNKNOWN`."""
    try:
        return rank(completed(text))
    except ValueError:
        return UNKNOWN


def rank_of_release(text: str) -> Rank:
    """Return the rank of one of our releases, whose versions are Python's (PEP 440).

    ``0.2.0rc1`` and ``0.2.0.dev3`` come before ``0.2.0``; ``0.2.0.post1`` and ``0.2.0+pi`` do not
    come after it.
    """
    found = _RELEASE.match(text)
    if found is None:
        return UNKNOWN
    major, minor, patch, rest = found.groups()
    before = _UNFINISHED.match(rest)
    if before is None:
        return int(major), int(minor), int(patch), True, ()
    word, number = before.groups()
    # dev comes before a, b and rc, whose letters are in their order.
    told = (True, 0, "" if word == "dev" else word), (False, int(number or 0), "")
    return int(major), int(minor), int(patch), False, told
