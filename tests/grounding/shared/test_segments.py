from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kanoa_mlops.grounding.shared.segments import segment_of, to_join


@given(st.lists(st.integers(1, 300), min_size=1, max_size=400))
def test_segments_stay_few_and_each_chunk_in_one(spans: list[int]) -> None:
    firsts: list[int] = []
    end = 1
    for span in spans:
        firsts.append(end)
        end += span
        place = to_join(firsts, end)
        firsts = firsts[: place + 1]
    assert firsts[0] == 1
    assert firsts == sorted(set(firsts))
    assert len(firsts) <= 64
    assert all(segment_of(firsts, first) == first for first in firsts)
    assert segment_of(firsts, end - 1) == firsts[-1]


def test_of_many_small_ones_each_chunk_is_written_few_times() -> None:
    firsts: list[int] = []
    written = 0
    for number in range(1, 20_001):
        firsts.append(number)
        place = to_join(firsts, number + 1)
        if place < len(firsts):
            written += number + 1 - firsts[place]
            firsts = firsts[: place + 1]
        assert len(firsts) <= 40
    assert written / 20_000 <= 6
