"""The mean of a collection's vectors: each likeness is measured from it, as to some models all is alike.

Their sum is kept beside them, so that nothing is read to know it. The constants are those of `local.memory`;
that both archives agree is tested.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import orjson

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from kanoa_mlops.grounding.types import Vectors

_MANY = 10
"""Of fewer vectors the mean need not be what texts are like, so it is taken to be nearer to nothing."""
_ALIKE = 0.99
"""With a mean cosine above, nothing can be told apart."""


def packed(total: NDArray[np.float64]) -> bytes:
    return total.astype("<f8").tobytes()


def unpacked(kept: bytes) -> NDArray[np.float64]:
    return np.frombuffer(kept, "<f8")


def read(text: str | None, dimensions: int) -> NDArray[np.float64]:
    """Of a sum that Postgres wrote; of no vectors it writes none."""
    return np.zeros(dimensions) if text is None else np.array(orjson.loads(text), np.float64)


def mean_likeness(kept: bytes, embedded: int, vector: Vectors) -> float:
    """The cosine of this vector with all of them, on the mean."""
    if not kept:
        return 0.0
    return min(float(unpacked(kept) @ vector) / (embedded + _MANY), _ALIKE)


def above(cosines: ArrayLike, mean: float) -> NDArray[np.float64]:
    """How much nearer they are, from 0 to 1."""
    return np.clip((np.asarray(cosines, np.float64) - mean) / (1 - mean), 0, 1)
