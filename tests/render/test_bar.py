"""A memory budget as a line of letters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kanoa_mlops.planner.budget import Budget, MemoryLine, Pool
from kanoa_mlops.planner.estimate import Estimate
from kanoa_mlops.render.bar import segments, usable

WIDTH = 48


def budget(capacity: int, *sizes: int) -> Budget:
    lines = (
        MemoryLine(f"part {number}", Estimate(size, size, size), "device", "")
        for number, size in enumerate(sizes)
    )
    return Budget(tuple(lines), (Pool("device", capacity, capacity, ""),))


@pytest.mark.parametrize(
    ("capacity", "sizes", "cells", "fits"),
    [(48, (24, 12), [24, 12, 12], 48), (48, (48, 12), [48, 12], 48), (48, (960, 192), [60, 12], 3)],
    ids=["with room", "a little too much", "far too much"],
)
def test_a_bar_is_to_scale(capacity: int, sizes: tuple[int, ...], cells: list[int], fits: int) -> None:
    asked = budget(capacity, *sizes)
    assert [each.cells for each in segments(asked, "device", WIDTH)] == cells
    assert usable(asked, "device", WIDTH) == fits


@given(st.integers(1, 10**12), st.lists(st.integers(1, 10**15), min_size=1, max_size=8))
def test_none_is_longer_than_half_as_much_again(capacity: int, sizes: list[int]) -> None:
    cells = [each.cells for each in segments(budget(capacity, *sizes), "device", WIDTH)]
    assert min(cells) >= 0
    assert sum(cells) <= WIDTH * 1.5 + 1
