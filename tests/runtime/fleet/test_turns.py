"""Whose turn it is: the rules one by one, then what must hold for every fleet."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kanoa_mlops.runtime.fleet.turns import Decision, Room, Standing, decide, linger

NOW = 1000.0


def loaded(name: str, **changes: Any) -> Standing:
    """Loaded long ago, and without work since; loading it takes 10 s."""
    return replace(Standing(name, loaded_at=NOW - 500, used_at=NOW - 100, load_seconds=10), **changes)


def wanted(name: str, since: float = NOW - 1, **changes: Any) -> Standing:
    return replace(Standing(name, waiting_since=since, load_seconds=10), **changes)


def room_for(count: int) -> Room:
    return lambda names: len(names) <= count


def sized(sizes: dict[str, int], capacity: int) -> Room:
    return lambda names: sum(sizes[name] for name in names) <= capacity


def test_what_fits_beside_the_others_is_loaded_beside_them() -> None:
    models = [loaded("a", in_flight=1), wanted("b")]
    assert decide(models, room_for(2), NOW) == Decision(load="b")


def test_the_least_recently_used_goes() -> None:
    models = [loaded("a", used_at=NOW - 50), loaded("b", used_at=NOW - 90), wanted("c")]
    assert decide(models, room_for(2), NOW) == Decision(load="c", unload=frozenset("b"))


def test_no_more_go_than_must() -> None:
    sizes = {"small": 2, "large": 6, "wanted": 6}
    models = [
        loaded("small", used_at=NOW - 90),  # first in line, but without it there is still no room
        loaded("large", used_at=NOW - 50),
        wanted("wanted"),
    ]
    assert decide(models, sized(sizes, 8), NOW) == Decision(load="wanted", unload=frozenset({"large"}))


def test_the_first_to_wait_is_the_first_to_be_loaded() -> None:
    models = [loaded("a"), wanted("b", since=NOW - 1), wanted("c", since=NOW - 2)]
    assert decide(models, room_for(1), NOW).load == "c"


def test_a_pinned_model_never_goes() -> None:
    models = [
        loaded("a", used_at=NOW - 900, pinned=True),
        loaded("b", used_at=NOW - 50),
        wanted("c"),
    ]
    assert decide(models, room_for(2), NOW) == Decision(load="c", unload=frozenset("b"))


def test_one_with_work_keeps_its_turn_and_then_drains() -> None:
    models = [loaded("a", loaded_at=NOW - 30, in_flight=2), wanted("b")]
    over = NOW + 10  # four loads of ten seconds
    assert decide(models, room_for(1), NOW) == Decision(again_at=over)
    assert decide(models, room_for(1), over) == Decision(drain=frozenset("a"))
    models[0] = replace(models[0], in_flight=0, used_at=over + 5)
    assert decide(models, room_for(1), over + 5) == Decision(load="b", unload=frozenset("a"))


def test_a_turn_has_an_end_however_long_the_load() -> None:
    models = [loaded("a", loaded_at=NOW, load_seconds=600, in_flight=1), wanted("b")]
    assert decide(models, room_for(1), NOW).again_at == NOW + 300


def test_one_whose_client_thinks_is_not_taken_away_at_once() -> None:
    models = [loaded("a", loaded_at=NOW - 20, used_at=NOW - 3), wanted("b")]
    assert decide(models, room_for(1), NOW) == Decision(again_at=NOW + 7)
    assert decide(models, room_for(1), NOW + 7) == Decision(load="b", unload=frozenset("a"))


def test_one_whose_client_never_comes_back_soon_goes_soon() -> None:
    away = (25.0, 30.0, 40.0)
    models = [loaded("a", loaded_at=NOW - 20, used_at=NOW - 3, absences=away), wanted("b")]
    assert decide(models, room_for(1), NOW) == Decision(load="b", unload=frozenset("a"))


@pytest.mark.parametrize(
    ("absences", "seconds"),
    [
        ((), 10),
        ((100, 100), 10),  # too few to tell
        ((100, 100, 100), 1),
        ((0.2, 0.3, 0.9), 10),  # all of it costs the same; what comes may be a little longer
        ((2, 2, 100), 2.5),
        ((9, 9, 9), 10),
    ],
)
def test_lingering_learns_from_absences(absences: tuple[float, ...], seconds: float) -> None:
    assert linger(10, absences) == seconds


def test_idle_models_are_unloaded_when_their_time_is_up() -> None:
    models = [
        loaded("old", used_at=NOW - 60),
        loaded("new", used_at=NOW - 20),
        loaded("busy", used_at=NOW - 900, in_flight=1),
        loaded("kept", used_at=NOW - 900, pinned=True),
    ]
    assert decide(models, room_for(4), NOW, 60) == Decision(unload=frozenset({"old"}), again_at=NOW + 40)
    assert decide(models, room_for(4), NOW) == Decision()


def test_a_model_that_cannot_be_loaded_is_named() -> None:
    stuck = Standing("a", stuck=True)
    assert decide([stuck, wanted("b")], room_for(1), NOW) == Decision(hopeless="b")
    pinned = loaded("a", pinned=True)
    assert decide([pinned, wanted("b")], room_for(1), NOW) == Decision(hopeless="b")
    assert decide([wanted("a", stuck=True)], room_for(1), NOW) == Decision(hopeless="a")


def test_a_small_one_does_not_wait_behind_a_large_one() -> None:
    sizes = {"a": 6, "large": 7, "small": 2}
    models = [
        loaded("a", loaded_at=NOW, in_flight=1),
        wanted("large", since=NOW - 9),
        wanted("small", since=NOW - 1),
    ]
    assert decide(models, sized(sizes, 9), NOW).load == "small"
    # It would take the room that the large one waits for.
    assert decide(models, sized(sizes, 8), NOW).load == ""
    # It has no room itself before the first goes.
    assert decide(models, sized({"a": 8, "large": 2, "small": 2}, 9), NOW).load == ""


SECONDS = st.integers(0, 600).map(float)


@st.composite
def fleets(draw: st.DrawFn) -> tuple[list[Standing], Room]:
    """Any fleet in which every model fits beside the pinned ones, and which fits as it stands."""
    names = "abcde"[: draw(st.integers(1, 5))]
    sizes = {name: draw(st.integers(1, 9)) for name in names}
    models = [draw(standings(name)) for name in names]
    pinned = {each.name for each in models if each.pinned}
    least = ({each.name for each in models if there(each)}, *(pinned | {name} for name in names))
    capacity = max(sum(sizes[name] for name in each) for each in least) + draw(st.integers(0, 5))
    return models, sized(sizes, capacity)


@st.composite
def standings(draw: st.DrawFn, name: str) -> Standing:
    kind = draw(st.sampled_from(("absent", "wanted", "idle", "busy", "stuck")))
    is_loaded = kind in ("idle", "busy")
    return Standing(
        name,
        pinned=draw(st.integers(0, 3)) == 0,
        loaded_at=NOW - draw(SECONDS) if is_loaded else None,
        load_seconds=draw(SECONDS),
        in_flight=draw(st.integers(1, 3)) if kind == "busy" else 0,
        used_at=NOW - draw(SECONDS),
        absences=tuple(draw(st.lists(SECONDS, max_size=8))),
        waiting_since=NOW - draw(SECONDS) if kind == "wanted" or draw(st.booleans()) else None,
        stuck=kind == "stuck",
    )


def there(model: Standing) -> bool:
    return model.loaded_at is not None or model.stuck


@given(fleets(), st.none() | SECONDS)
def test_every_decision_keeps_the_rules(fleet: tuple[list[Standing], Room], idle: float | None) -> None:
    models, room = fleet
    by_name = {each.name: each for each in models}
    decision = decide(models, room, NOW, idle)
    for name in decision.unload | decision.drain:
        assert by_name[name].loaded_at is not None
        assert not by_name[name].pinned
    assert not any(by_name[name].in_flight for name in decision.unload)
    assert not decision.drain or any(by_name[name].in_flight for name in decision.drain)
    assert decision.again_at > NOW
    if decision.load:
        assert by_name[decision.load].waiting_since is not None
        assert not there(by_name[decision.load])
        stay = {each.name for each in models if there(each)} - decision.unload
        assert room(frozenset(stay | {decision.load}))
        for name in decision.unload:  # as few as it takes
            assert not room(frozenset(stay | {decision.load, name}))


@given(fleets())
def test_whoever_waits_is_loaded_or_there_is_something_to_wait_for(
    fleet: tuple[list[Standing], Room],
) -> None:
    models, room = fleet
    decision = decide(models, room, NOW)
    if any(each.waiting_since is not None and each.loaded_at is None for each in models):
        busy = any(each.in_flight for each in models)
        assert decision.load or decision.hopeless or decision.again_at < math.inf or (decision.drain and busy)


@given(fleets())
def test_only_the_hopeless_are_called_so(fleet: tuple[list[Standing], Room]) -> None:
    models, room = fleet
    decision = decide(models, room, NOW)
    stay = {each.name for each in models if each.stuck or (each.pinned and each.loaded_at is not None)}
    if decision.hopeless:
        [model] = [each for each in models if each.name == decision.hopeless]
        assert model.stuck or not room(frozenset(stay | {model.name}))


@given(fleets())
def test_in_time_the_first_has_its_turn(fleet: tuple[list[Standing], Room]) -> None:
    """Though whoever is open never lacks work, and the drained end theirs one after another."""
    models, room = fleet
    models = [replace(each, stuck=False) for each in models]
    waiting = [each for each in models if each.waiting_since is not None and each.loaded_at is None]
    assume(waiting)
    first = min(waiting, key=lambda each: each.waiting_since or 0.0)
    now = NOW
    for _ in range(20):
        decision = decide(models, room, now)
        assert not decision.hopeless
        if decision.load == first.name:
            return
        ends = min((each.name for each in models if each.draining and each.in_flight), default="")
        models = [_after(each, decision, ends, now) for each in models]
        now = decision.again_at if decision.again_at < math.inf else now + 1
    raise AssertionError("it was never loaded")


def _after(model: Standing, decision: Decision, ends: str, now: float) -> Standing:
    """Loaded or unloaded as was decided; busy where it is open, also if only from now on."""
    if model.name == decision.load:
        return replace(model, loaded_at=now, used_at=now, waiting_since=None, in_flight=1)
    if model.name in decision.unload:
        return replace(model, loaded_at=None, draining=False, waiting_since=now)
    if model.loaded_at is None:
        return model
    if model.name in decision.drain:
        in_flight = 0 if model.name == ends else model.in_flight
        return replace(
            model, draining=True, in_flight=in_flight, used_at=now if model.in_flight else model.used_at
        )
    return replace(model, draining=False, in_flight=1, used_at=now)
