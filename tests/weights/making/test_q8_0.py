"""Weights in 8 bits: what llama.cpp's own package makes of them again."""

from __future__ import annotations

from array import array

import numpy as np
from gguf import GGMLQuantizationType
from gguf.quants import dequantize
from hypothesis import given
from hypothesis import strategies as st

from kanoa_mlops.weights.making.q8_0 import quantized

_WEIGHTS = st.lists(st.floats(-1000, 1000, width=32), min_size=32, max_size=32)


@given(st.lists(_WEIGHTS, min_size=1, max_size=4))
def test_each_is_off_by_half_a_step_at_most(blocks: list[list[float]]) -> None:
    weights = array("f", [weight for block in blocks for weight in block])
    told: list[int] = []
    packed = np.frombuffer(quantized(weights, told.append), np.uint8).reshape(len(blocks), -1)
    again = dequantize(packed, GGMLQuantizationType.Q8_0)
    for block, found in zip(np.array(blocks), again, strict=True):
        largest = np.abs(block).max()
        step = largest / 127
        # The scale itself has 11 bits; the smallest ones have fewer.
        assert np.abs(block - found).max() <= step * 0.51 + largest / 2**11 + 127 * 2**-24
    assert sum(told) == len(weights) * 4


def test_zeros_stay_zeros() -> None:
    assert quantized(array("f", [0.0] * 64), lambda count: None) == b"\0" * 68
