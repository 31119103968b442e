"""Many gateways that take turns at one state are one limiter; and what a killed one had counts no longer."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from kanoa_mlops.gateway.books.key import Key, KeyLimits
from kanoa_mlops.gateway.books.limiter import Admission, Limiter
from kanoa_mlops.gateway.books.refusal import Limit, Refusal
from kanoa_mlops.gateway.books.shared_use import Word, said
from kanoa_mlops.gateway.books.state import State

LAPSE = 30.0
limits = st.none() | st.integers(min_value=1, max_value=8)
# A gateway that asks, or one whose oldest request ends with so many tokens.
steps = st.lists(
    st.tuples(
        st.integers(min_value=0, max_value=2),
        st.none() | st.integers(min_value=0, max_value=20),
        st.integers(min_value=0, max_value=9_000_000),
    ),
    max_size=60,
)


def key(**said: int | None) -> Key:
    return Key("0badcafe", "anna", b"", 0.0, limits=KeyLimits(**said))  # type: ignore[arg-type]


@dataclass
class Gateways:
    """Three of them, and what they keep in common, as text as the databases have it."""

    kept: str = "{}"
    running: dict[str, int] = field(default_factory=dict)

    def say(
        self, gateway: str, now: float, *asking: Key, ended: int = 0, tokens: int = 0
    ) -> list[Refusal | None]:
        mine = self.running.get(gateway, 0) - ended
        state: State = json.loads(self.kept)
        kept, refusals = said(state, now, Word(gateway, mine, tokens, asking), LAPSE)
        self.kept = json.dumps(kept)
        self.running[gateway] = mine + refusals.count(None)
        return refusals

    def ask(self, gateway: str, now: float, key: Key) -> Refusal | None:
        (refusal,) = self.say(gateway, now, key)
        return refusal

    def speak(self, now: float) -> None:
        for gateway in self.running:
            self.say(gateway, now)


@settings(deadline=None)
@given(limits, limits, limits, steps)
def test_they_are_one_limiter(
    requests: int | None, tokens: int | None, parallel: int | None, steps: list[tuple[int, int | None, int]]
) -> None:
    anna = key(requests_per_minute=requests, tokens_per_minute=tokens, parallel=parallel)
    limiter, gateways, now = Limiter(), Gateways(), 10**15
    under_way: list[list[Admission]] = [[], [], []]
    for gateway, ended, gap in steps:
        now += gap
        # Each says what it has well before that lapses.
        gateways.speak(now / 1e6)
        if ended is None:
            found = limiter.admit(anna, now / 1e6)
            refusal = gateways.ask(str(gateway), now / 1e6, anna)
            assert refusal == (found if isinstance(found, Refusal) else None)
            if isinstance(found, Admission):
                under_way[gateway].append(found)
        elif under_way[gateway]:
            under_way[gateway].pop(0).end(now / 1e6, ended)
            gateways.say(str(gateway), now / 1e6, ended=1, tokens=ended)


def test_several_at_once_are_one_after_another() -> None:
    gateways = Gateways()
    anna = key(parallel=2)
    assert [each and each.limit for each in gateways.say("a", 0.0, anna, anna, anna)] == [
        None,
        None,
        Limit.PARALLEL,
    ]


def test_what_one_that_was_killed_had_counts_for_a_while_and_no_longer() -> None:
    gateways, anna = Gateways(), key(parallel=2)
    assert gateways.say("killed", 0.0, anna, anna) == [None, None]
    assert gateways.ask("a", LAPSE - 0.001, anna)
    assert gateways.ask("a", LAPSE, anna) is None


def test_one_that_says_it_again_in_time_keeps_what_it_has() -> None:
    gateways, anna = Gateways(), key(parallel=1)
    assert gateways.ask("a", 0.0, anna) is None
    for now in range(10, 1000, 10):
        gateways.say("a", float(now))
        assert gateways.ask("b", now + 9.0, anna)
    gateways.say("a", 1000.0, ended=1)
    assert gateways.ask("b", 1000.0, anna) is None


def test_one_that_was_cut_off_and_comes_back_has_what_it_had() -> None:
    gateways, anna = Gateways(), key(parallel=1)
    assert gateways.ask("cut off", 0.0, anna) is None
    assert gateways.ask("b", 100.0, anna) is None
    assert gateways.ask("cut off", 101.0, anna)
    gateways.say("b", 102.0, ended=1)
    assert gateways.ask("b", 103.0, anna), "the first one still runs"
    gateways.say("cut off", 104.0, ended=1)
    assert gateways.ask("b", 105.0, anna) is None


def test_a_word_that_is_said_twice_is_said_once() -> None:
    gateways, anna = Gateways(), key(parallel=3)
    gateways.say("a", 0.0, anna)
    for _ in range(5):
        gateways.say("a", 1.0)
    assert gateways.say("b", 2.0, anna, anna) == [None, None]
    assert gateways.ask("b", 2.0, anna)


def test_a_clock_that_is_put_right_locks_nobody_out() -> None:
    gateways, anna = Gateways(), key(requests_per_minute=2, parallel=2)
    year = 365 * 86400.0
    assert gateways.say("killed", year, anna, anna) == [None, None]
    refusal = gateways.ask("a", 0.0, anna)
    assert refusal
    assert refusal.limit is Limit.PARALLEL, "what it had lapses from now on"
    assert gateways.ask("a", LAPSE, anna) is None, "and half a minute refills one"
    assert gateways.ask("a", LAPSE, anna)


def test_a_limit_that_was_changed_holds_at_once() -> None:
    gateways = Gateways()
    for _ in range(10):
        assert gateways.ask("a", 0.0, key(requests_per_minute=100)) is None
    assert gateways.ask("b", 0.0, key(requests_per_minute=1)) is None
    assert gateways.ask("a", 0.0, key(requests_per_minute=1))
    assert gateways.ask("b", 0.0, key(parallel=12)) is None
    assert gateways.ask("b", 0.0, key(parallel=12))
