"""Which postings are joined, so that a term has few rows and each posting is written few times.

A document's postings are written as a segment of their own: rows of (term, first chunk). Eight neighbours of
a size become one of the next size, as in a log-structured merge tree (O'Neil et al., 1996).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

_FEW = 8
"""How many of a size are left as they are, and how many times larger the next size is."""


def to_join(firsts: Sequence[int], end: int) -> int:
    """From which place on all segments are to become one; `len(firsts)` if none are.

    Args:
        firsts: number of the first chunk of each, rising.
        end: of the first chunk that is in none.
    """
    spans = [after - before for before, after in pairwise([*firsts, end])]
    start, size = len(spans), _FEW
    while size <= _FEW * sum(spans):
        place = next((at for at in range(len(spans), 0, -1) if spans[at - 1] >= size), 0)
        if sum(span * _FEW >= size for span in spans[place:]) >= _FEW:
            start = place
        size *= _FEW
    return start


def segment_of(firsts: Sequence[int], chunk: int) -> int:
    """The first chunk of the segment that has this one."""
    return firsts[bisect_right(firsts, chunk) - 1]
