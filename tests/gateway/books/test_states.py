"""What gateways keep in common: each change stands on the one before, whoever made it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kanoa_mlops.errors import BooksBusy
from kanoa_mlops.gateway.books.state import State
from kanoa_mlops.gateway.policy.allowance import Limit, restored
from tests.gateway.books.making import at_once
from tests.gateway.books.places import Stored, hold, let_go, opened

numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.just(2**200) | st.just(5e-324)
values = st.recursive(numbers | st.text() | st.booleans() | st.none(), lambda inner: st.lists(inner))


def one_more(state: State, now: float) -> State:
    return {"count": state.get("count", 0) + 1}


def test_nothing_was_kept_at_first(store: Stored) -> None:
    assert store.load("groq") == {}


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(min_size=1).filter(lambda name: "\0" not in name), st.dictionaries(st.text(), values))
def test_what_was_kept_comes_back_as_it_was(store: Stored, other: Stored, name: str, state: State) -> None:
    store.update({name: lambda _, now: state})
    assert other.load(name) == state
    assert repr(other.load(name)) == repr(dict(state)), "a float is a float"


def test_names_do_not_share(store: Stored) -> None:
    store.update({"a": one_more, "b": one_more})
    store.update({"b": one_more})
    assert (store.load("a"), store.load("b")) == ({"count": 1}, {"count": 2})


def test_a_change_that_fails_changes_nothing(store: Stored) -> None:
    store.update({"a": one_more, "b": one_more})
    with pytest.raises(ZeroDivisionError):
        store.update({"a": one_more, "b": lambda state, now: {"count": 1 // 0}})
    assert (store.load("a"), store.load("b")) == ({"count": 1}, {"count": 1})
    store.update({"a": one_more})
    assert store.load("a") == {"count": 2}


def test_the_time_is_the_databases(store: Stored) -> None:
    before = time.time()
    for _ in range(2):
        store.update({"a": lambda state, now: {"times": [*state.get("times", []), now]}})
    first, second = store.load("a")["times"]
    assert before - 1 <= first <= second <= time.time() + 1


def test_none_of_many_at_once_is_lost(where: str) -> None:
    """In opposite orders, so that whoever locked one by one would wait for ever."""

    def count(names: str) -> None:
        store = opened(where, patience=60.0)
        for _ in range(25):
            store.update(dict.fromkeys(names, one_more))
        store.close()

    at_once(*[partial(count, names) for names in ("abc", "cba", "bc", "ca")])
    store = opened(where)
    assert [store.load(name)["count"] for name in "abc"] == [75, 75, 100]
    store.close()


def test_one_that_is_held_is_waited_for_and_then_told(where: str, store: Stored) -> None:
    store.update({"a": one_more})
    hasty = opened(where, patience=0.01)
    if where.startswith("postgresql"):
        connection = store._link.connection  # type: ignore[union-attr]
        connection.execute("BEGIN")
        connection.execute("UPDATE states SET value = value")
    else:
        hold(store)
    with pytest.raises(BooksBusy, match="is held by another process"):
        hasty.update({"a": one_more})
    let_go(store)
    hasty.update({"a": one_more})
    assert store.load("a") == {"count": 2}
    hasty.close()


def test_a_provider_is_not_asked_for_more_than_it_lets_two_gateways(where: str) -> None:
    limits: dict[Limit, int] = {"requests_per_day": 10}
    admitted: list[bool] = []

    def charge(state: State, now: float, found: list[bool]) -> State:
        wall = datetime.fromtimestamp(now, UTC)
        allowance = restored(limits, state or {"at": wall.isoformat()})
        found[:] = [allowance.admits(1, wall)]
        return allowance.charged(1, wall).saved() if found[0] else state

    def ask() -> None:
        store = opened(where, patience=60.0)
        for _ in range(8):
            found: list[bool] = []
            store.update({"provider groq": partial(charge, found=found)})
            admitted.extend(found)
        store.close()

    at_once(ask, ask)
    assert admitted.count(True) == 10
    assert len(admitted) == 16
