"""llama.cpp's Q8_0: 32 weights in a row as whole numbers from -127 to 127, with one scale in 16 bits.

In plain Python, so that a model can be fetched without numpy, and gives the same bytes on every machine.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable

_BLOCK = 32
_LARGEST = 127
_PACK = struct.Struct(f"<e{_BLOCK}b").pack


def quantized(values: array[float], told: Callable[[int], None]) -> bytes:
    """Some 5 million weights a second.

    Args:
        values: 32-bit floats, a multiple of 32.
        told: of bytes that were read, now and then.
    """
    packed = bytearray()
    row = 1024 * _BLOCK
    for start in range(0, len(values), row):
        part = values[start : start + row].tolist()
        for at in range(0, len(part), _BLOCK):
            packed += _block(part[at : at + _BLOCK])
        told(len(part) * values.itemsize)
    return bytes(packed)


def _block(weights: list[float]) -> bytes:
    largest = max(max(weights), -min(weights))
    if not largest:
        return _PACK(0.0, *([0] * _BLOCK))
    ratio = _LARGEST / largest
    return _PACK(largest / _LARGEST, *[round(weight * ratio) for weight in weights])
