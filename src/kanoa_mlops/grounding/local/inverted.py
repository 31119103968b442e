"""Postings turned around: of each term, the chunks that say it. Of some documents' chunks, in a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kanoa_mlops.grounding.local.packed import Packed

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PLACE_BITS = 24
_TIMES_BITS = 8


@dataclass(frozen=True)
class Inverted:
    """Never changed; two in a row are joined into one."""

    count: int
    """Of chunks."""
    hashes: NDArray[np.uint32]
    """Each term once, in order."""
    starts: NDArray[np.int64]
    """Where its postings begin; one more at the end."""
    places: NDArray[np.uint32]
    """Of the chunk, counted from the first of these."""
    times: NDArray[np.uint8]

    @property
    def size(self) -> int:
        return len(self.places)

    def of(self, term: int) -> slice:
        # A number of another type would have all of them turned into that.
        at = int(np.searchsorted(self.hashes, np.uint32(term)))
        if at == len(self.hashes) or self.hashes[at] != term:
            return slice(0, 0)
        return slice(int(self.starts[at]), int(self.starts[at + 1]))


def invert(documents: Sequence[Packed]) -> Inverted:
    different = np.frombuffer(b"".join(each.different for each in documents), "<u4")
    hashes = np.frombuffer(b"".join(each.hashes for each in documents), "<u4")
    times = np.frombuffer(b"".join(each.times for each in documents), np.uint8)
    places = np.repeat(np.arange(len(different), dtype=np.uint64), different)
    return _sorted(len(different), hashes, places, times)


def join(first: Inverted, second: Inverted) -> Inverted:
    hashes = np.concatenate([np.repeat(each.hashes, np.diff(each.starts)) for each in (first, second)])
    places = np.concatenate([first.places.astype(np.uint64), second.places.astype(np.uint64) + first.count])
    return _sorted(first.count + second.count, hashes, places, np.concatenate([first.times, second.times]))


def _sorted(
    count: int, hashes: NDArray[np.uint32], places: NDArray[np.uint64], times: NDArray[np.uint8]
) -> Inverted:
    # One number for all three, as numbers are sorted many times faster than what refers to them.
    keys = hashes.astype(np.uint64) << (_PLACE_BITS + _TIMES_BITS) | places << _TIMES_BITS | times
    keys.sort()
    all_hashes = (keys >> (_PLACE_BITS + _TIMES_BITS)).astype(np.uint32)
    begins = np.flatnonzero(np.diff(all_hashes, prepend=all_hashes[:1] + 1)) if count else np.zeros(0, int)
    return Inverted(
        count,
        all_hashes[begins],
        np.append(begins, len(keys)),
        (keys >> _TIMES_BITS & (2**_PLACE_BITS - 1)).astype(np.uint32),
        (keys & (2**_TIMES_BITS - 1)).astype(np.uint8),
    )
