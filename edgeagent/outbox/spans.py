"""A set of whole numbers kept as spans: which of a segment's events need not be sent any more."""

from bisect import bisect_right
from collections.abc import Iterable

Span = tuple[int, int]
"""First and last, both belonging to it."""


class Spans:
    """Small while what it holds is mostly consecutive, as acknowledgements are."""

    __slots__ = ("_spans", "count")

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._spans: list[Span] = []
        self.count = 0
        """How many numbers it holds."""
        for first, last in spans:
            self.add(first, last)

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._spans, (number, number)) - 1
        following = self._spans[at + 1] if at + 1 < len(self._spans) else None
        if following is not None and following[0] == number:
            return True
        return at >= 0 and self._spans[at][0] <= number <= self._spans[at][1]

    def add(self, first: int, last: int) -> int:
        """Put all from ``first`` to ``last`` into the set; return how many were new."""
        if last < first:
            return 0
        before = self.count
        low = self._touching(first)
        high = low
        while high < len(self._spans) and self._spans[high][0] <= last + 1:
            first = min(first, self._spans[high][0])
            last = max(last, self._spans[high][1])
            self.count -= self._spans[high][1] - self._spans[high][0] + 1
            high += 1
        self._spans[low:high] = [(first, last)]
        self.count += last - first + 1
        return self.count - before

    def _touching(self, first: int) -> int:
        """Index of the first span that ends at ``first - 1`` or later."""
        at = bisect_right(self._spans, (first, first))
        while at > 0 and self._spans[at - 1][1] >= first - 1:
            at -= 1
        return at

    def missing(self, first: int, last: int) -> list[Span]:
        """Return what of ``first`` to ``last`` the set does not hold."""
        gaps: list[Span] = []
        for start, stop in self._spans:
            if stop < first:
                continue
            if start > last:
                break
            if start > first:
                gaps.append((first, start - 1))
            first = stop + 1
        if first <= last:
            gaps.append((first, last))
        return gaps

    def lowest_missing(self, first: int) -> int:
        """Return the lowest number, from ``first`` on, that the set does not hold."""
        for start, stop in self._spans:
            if start > first:
                break
            first = max(first, stop + 1)
        return first

    def within(self, first: int, last: int) -> "Spans":
        """Return the part of the set that lies between two numbers."""
        return Spans((max(a, first), min(b, last)) for a, b in self._spans)

    def as_list(self) -> list[Span]:
        """Return the spans, lowest first."""
        return list(self._spans)
