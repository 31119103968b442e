import math
from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from kanoa_mlops.gateway.policy.affinity import BOUND, affine
from kanoa_mlops.gateway.policy.backend import BackendView
from tests.gateway.policy.make import a_backend

PROMPTS = [f"prompt {number}".encode() for number in range(2000)]


def idle(*slots: int) -> list[BackendView]:
    return [a_backend(f"backend-{number}", slots=each) for number, each in enumerate(slots)]


def home(prompt: bytes, backends: list[BackendView]) -> str:
    chosen = affine(prompt, backends)
    assert chosen
    return chosen.id


def test_the_same_beginning_goes_to_the_same_backend_in_whatever_order_they_stand() -> None:
    backends = idle(4, 4, 4)
    for prompt in PROMPTS[:50]:
        assert home(prompt, backends) == home(prompt, backends[::-1])


def test_each_gets_as_many_beginnings_as_it_has_slots() -> None:
    homes = Counter(home(prompt, idle(1, 2, 5)) for prompt in PROMPTS)
    for number, slots in enumerate((1, 2, 5)):
        expected = len(PROMPTS) * slots / 8
        assert abs(homes[f"backend-{number}"] - expected) < 4 * math.sqrt(expected)


def test_a_backend_that_comes_takes_its_share_and_moves_nothing_else() -> None:
    before, after = idle(4, 4, 4), idle(4, 4, 4, 4)
    moved = [(home(p, before), home(p, after)) for p in PROMPTS if home(p, before) != home(p, after)]
    assert {new for _, new in moved} == {"backend-3"}
    assert 0.2 < len(moved) / len(PROMPTS) < 0.3


def test_a_backend_that_goes_moves_only_what_it_had() -> None:
    before = idle(4, 4, 4, 4)
    after = [backend for backend in before if backend.id != "backend-1"]
    homes = {prompt: home(prompt, before) for prompt in PROMPTS}
    moved = {prompt for prompt in PROMPTS if home(prompt, after) != homes[prompt]}
    assert moved == {prompt for prompt in PROMPTS if homes[prompt] == "backend-1"}
    # What it had is spread, not handed to one neighbour.
    assert len({home(prompt, after) for prompt in moved}) == 3


@given(st.lists(st.integers(1, 8), min_size=1, max_size=5), st.binary(min_size=1, max_size=80))
def test_one_popular_beginning_fills_all_within_the_bound(slots: list[int], prompt: bytes) -> None:
    backends = idle(*slots)
    for sent in range(1, sum(slots) + 1):
        chosen = affine(prompt, backends)
        assert chosen and chosen.in_flight < chosen.slots
        assert chosen.in_flight + 1 <= math.ceil(BOUND * sent * chosen.slots / sum(slots))
        backends = [replace(b, in_flight=b.in_flight + (b.id == chosen.id)) for b in backends]
    assert affine(prompt, backends) is None


@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(0, 6)), min_size=1, max_size=6), st.binary(min_size=1)
)
def test_where_one_is_free_one_is_found(loads: list[tuple[int, int]], prompt: bytes) -> None:
    backends = [a_backend(f"b{n}", slots=slots, in_flight=busy) for n, (slots, busy) in enumerate(loads)]
    assert bool(affine(prompt, backends)) == any(busy < slots for slots, busy in loads)
