"""The terms of a document's chunks, as they are kept: how often each chunk says which.

Terms are kept as 32-bit hashes: among a million different ones, another term is taken for one of a question
in one case of four thousand.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from zlib import crc32

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


def hash_of(term: str) -> int:
    return crc32(term.encode("utf-8", "surrogatepass"))


def pack(chunks: Sequence[Iterable[str]]) -> bytes:
    lengths, different, hashes, times = array("I"), array("I"), array("I"), bytearray()
    for terms in chunks:
        counts = Counter(map(hash_of, terms))
        lengths.append(counts.total())
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
