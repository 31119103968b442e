"""Which vectors are worth to be compared: those whose signs do not tell that they are too far."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kanoa_mlops.grounding.local.memory import Mask, Memory, Scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kanoa_mlops.grounding.types import Vectors

_FEW = 4096
"""Are sooner compared than chosen from."""
_SAMPLE = 512
_FIRST = 512
_SURE = 3.0
"""Standard deviations: of a thousand that belong to the best, one may be taken for farther than it is."""


def narrowed(
    memory: Memory, words: Scores, shares: tuple[float, float], vector: Vectors, allowed: Mask, k: int
) -> Mask:
    """Those of the allowed that may be among the k best; all of them where signs tell too little.

    Args:
        shares: of words and of meaning.
    """
    places = np.flatnonzero(allowed & memory.embedded)
    count = max(_FIRST, 2 * k)
    if memory.signs is None or len(places) <= max(_FEW, count):
        return allowed
    text, meaning = shares
    nearest = _nearest(memory, memory.signs.differing(vector, len(words)), vector, places)
    most = text * words + meaning * memory.above(nearest, vector)
    first = places[np.argpartition(-most[places], count)[:count]]
    cosines = memory.cosines(vector, first)
    found = text * words[first] + meaning * memory.above(cosines, vector)
    least = np.partition(found, count - k)[count - k] if k else np.inf
    return allowed & ((most >= least) | ~memory.embedded)


def _nearest(
    memory: Memory, differing: NDArray[np.uint16], vector: Vectors, places: NDArray[np.int64]
) -> Scores:
    """The cosine that a vector has at most, by in how many signs it differs.

    What the one says of the other depends on the model, and is seen in a sample. It is the signs that
    are drawn as if by lot, so that they are fitted to the cosines: the other way round, those of the nearest
    would be taken to be nearer to the mean.
    """
    sample = places[:: len(places) // _SAMPLE]
    cosines, differ = memory.cosines(vector, sample), differing[sample].astype(np.float32)
    apart, mean = cosines - cosines.mean(), differ.mean()
    slope = float(apart @ differ) / (float(apart @ apart) or 1.0)
    if slope >= 0:
        return np.ones(len(differing), np.float32)
    off = _SURE * float(np.std(differ - mean - slope * apart))
    nearest: Scores = cosines.mean() + (differing - np.float32(mean + off)) / np.float32(slope)
    return nearest
