"""The terms of a document's chunks, as they are kept: how often each chunk says which."""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_HEAD = struct.Struct("<I")
_OFTEN = 255
"""More is no more."""


@dataclass(frozen=True)
class Packed:
    """Each is in the order of the chunks, as little-endian bytes."""

    lengths: bytes
    """uint32: terms of a chunk."""
    different: bytes
    """uint32: different ones."""
    hashes: bytes
    """uint32, `different` of each chunk, in order."""
    times: bytes
    """uint8, beside each hash."""


def pack(chunks: Sequence[Mapping[int, int]]) -> bytes:
    """
    Args:
        chunks: how often each says which term, by its hash.
    """
    lengths, different, hashes, times = array("I"), array("I"), array("I"), bytearray()
    for counts in chunks:
        lengths.append(sum(counts.values()))
        different.append(len(counts))
        for term in sorted(counts):
            hashes.append(term)
            times.append(min(counts[term], _OFTEN))
    return b"".join((_HEAD.pack(len(chunks)), *map(_little, (lengths, different, hashes)), times))


def unpack(packed: bytes) -> Packed:
    (count,) = _HEAD.unpack_from(packed)
    first = _HEAD.size + 4 * count
    second = first + 4 * count
    third = second + 4 * ((len(packed) - second) // 5)
    return Packed(packed[_HEAD.size : first], packed[first:second], packed[second:third], packed[third:])


def _little(numbers: array[int]) -> bytes:
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers.tobytes()
