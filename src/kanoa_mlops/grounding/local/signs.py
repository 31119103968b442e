"""The signs of vectors, a bit of each dimension: a first look at all that leaves few to be compared.

In how many signs two vectors differ tells roughly how near they are (Charikar 2002), and is counted many
times faster than they are multiplied: a vector of 1,024 dimensions is 128 bytes instead of 4,096.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kanoa_mlops.grounding.types import Vectors

_BITS = 64
_LOT = 4096


@dataclass(frozen=True)
class Signs:
    middle: Vectors
    """What they are signs from. To some models all texts lie on one side of zero."""
    planes: NDArray[np.uint64]
    """Of 64 dimensions each; in each, a number a vector."""

    def put(self, places: NDArray[np.int64], vectors: Vectors) -> None:
        self.planes[:, places] = self._signs(vectors)

    def differing(self, vector: Vectors, count: int) -> NDArray[np.uint16]:
        """In how many dimensions each of the first vectors has another sign than this one."""
        total = np.zeros(count, np.uint16)
        for plane, (sign,) in zip(self.planes, self._signs(vector[None]), strict=True):
            total += np.bitwise_count(plane[:count] ^ sign)
        return total

    def _signs(self, vectors: Vectors) -> NDArray[np.uint64]:
        bits = np.zeros((len(vectors), len(self.planes) * _BITS // 8), np.uint8)
        packed = np.packbits(vectors > self.middle, axis=1)
        bits[:, : packed.shape[1]] = packed
        return bits.view(np.uint64).T


def signs(room: Vectors, middle: Vectors) -> Signs:
    """Of all its rows."""
    made = Signs(middle, np.zeros((-(-room.shape[1] // _BITS), len(room)), np.uint64))
    for start in range(0, len(room), _LOT):
        lot = room[start : start + _LOT]
        made.put(np.arange(start, start + len(lot)), lot)
    return made
