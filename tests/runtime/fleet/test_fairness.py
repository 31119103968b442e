"""A fleet under load on a clock that jumps: how often it loads, and how long anybody waits."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kanoa_mlops.runtime.fleet.fleet import Fleet
from tests.runtime.fleet.clock import run
from tests.runtime.fleet.members import FakeMember, Memory, room_of


@dataclass
class Client:
    """Asks one model after another, and thinks between answer and question."""

    models: Sequence[str]
    answer_seconds: float
    think_seconds: float = 0.5
    begins: float = 0.0
    waits: list[float] = field(default_factory=list)

    async def ask(self, fleet: Fleet, until: float) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self.begins)
        while loop.time() < until:
            for model in self.models:
                asked = loop.time()
                async with fleet.using(model):
                    self.waits.append(loop.time() - asked)
                    await asyncio.sleep(self.answer_seconds)
                await asyncio.sleep(self.think_seconds)


@dataclass
class Course:
    loads: int
    requests: int
    longest_wait: float
    seconds: float
    """Until all were answered."""


def course(
    clients: Sequence[Client], sizes: dict[str, int], room: int, load_seconds: float = 10, until: float = 3600
) -> Course:
    async def main() -> Course:
        memory = Memory(room)
        members = [FakeMember(name, memory, size, load_seconds) for name, size in sizes.items()]
        async with Fleet(members, room_of(members, memory)) as fleet:
            await asyncio.gather(*(each.ask(fleet, until) for each in clients))
        assert memory.most <= room
        assert not memory.held
        return Course(
            loads=sum(each.loads for each in members),
            requests=sum(len(each.waits) for each in clients),
            longest_wait=max(wait for each in clients for wait in each.waits),
            seconds=asyncio.get_running_loop().time(),
        )

    return run(main())


TWO = {"a": 1, "b": 1}


def test_two_busy_clients_take_turns_and_not_every_request_loads() -> None:
    clients = [Client(["a"], answer_seconds=1), Client(["b"], answer_seconds=1)]
    seen = course(clients, TWO, room=1)
    # A turn of 40 s has some 26 requests; at most one second in five goes on loading.
    assert seen.loads * 10 <= seen.seconds / 5 + 20
    assert seen.requests > 20 * seen.loads
    assert seen.longest_wait <= 40 + 1 + 10 + 10


def test_one_client_that_alternates_loads_as_often_as_it_must_and_soon_waits_for_little_else() -> None:
    client = Client(["a", "b"], answer_seconds=1)
    seen = course([client], TWO, room=1)
    assert seen.loads == seen.requests  # there is no other way
    assert seen.longest_wait <= 20  # until it is known that `a` will not be asked again soon
    assert max(client.waits[10:]) <= 11


def test_who_asks_seldom_does_not_stop_who_asks_often() -> None:
    often, seldom = Client(["a"], answer_seconds=1), Client(["b"], answer_seconds=1, think_seconds=300)
    seen = course([often, seldom], TWO, room=1)
    assert seen.loads <= 2 * len(seldom.waits) + 1
    assert max(seldom.waits) <= 10 + 40 + 1 + 10
    assert len(often.waits) > 1800


def test_models_that_fit_together_are_loaded_once() -> None:
    clients = [Client(["a"], 1), Client(["b"], 1), Client(["a", "b"], 3)]
    assert course(clients, TWO, room=2).loads == 2


def test_two_that_are_never_idle_at_once_make_room_nevertheless() -> None:
    """Were it asked anew each time which of them is to go, their work would end in neither."""
    seconds = (8.5, 9, 9.5, 10, 10.5, 11)
    busy = [Client([name], each, think_seconds=0) for each in seconds for name in "ab"]
    other = Client(["c"], answer_seconds=1, think_seconds=200, begins=100)
    seen = course([*busy, other], {"a": 1, "b": 1, "c": 1}, room=2, until=1000)
    assert max(other.waits) <= 40 + 11 + 10
    # The one that went comes back, and perhaps in the place of the other.
    assert seen.loads <= 2 + 3 * len(other.waits)


def test_one_that_needs_the_room_of_two_gets_it() -> None:
    """Both must be without work at the same time, so the first to be so takes none meanwhile."""
    busy = [Client([name], answer_seconds=7, think_seconds=0, begins=3 * n) for n, name in enumerate("ab")]
    other = Client(["c"], answer_seconds=1, think_seconds=200, begins=100)
    course([*busy, other], {"a": 1, "b": 1, "c": 2}, room=2, until=1000)
    assert max(other.waits) <= 40 + 7 + 10


@st.composite
def crowds(draw: st.DrawFn, *, slipping: bool) -> tuple[dict[str, int], int, list[Client]]:
    """Models of which any fit together, or never two."""
    names = "abcd"[: draw(st.integers(2, 4))]
    sizes = {name: draw(st.integers(1, 5)) if slipping else 1 for name in names}
    room = draw(st.integers(max(sizes.values()), 8)) if slipping else 1
    clients = [
        Client(
            models=draw(st.lists(st.sampled_from(names), min_size=1, max_size=3)),
            answer_seconds=draw(st.integers(2, 50)),
            think_seconds=draw(st.sampled_from((0.0, 0.3, 2.0, 15.0, 200.0))),
            begins=draw(st.integers(0, 100)),
        )
        for _ in range(draw(st.integers(1, 8)))
    ]
    return sizes, room, clients


@pytest.mark.parametrize("load_seconds", [10, 100])
@given(crowds(slipping=False))
@settings(max_examples=30, deadline=None)
def test_nobody_starves_where_only_one_fits(
    load_seconds: float, crowd: tuple[dict[str, int], int, list[Client]]
) -> None:
    sizes, room, clients = crowd
    seen = course(clients, sizes, room, load_seconds, until=800)
    turn, drain = min(4 * load_seconds, 300), max(each.answer_seconds for each in clients)
    others = len(sizes) - 1
    assert seen.longest_wait <= drain + others * (turn + drain + load_seconds) + load_seconds


@pytest.mark.parametrize("load_seconds", [10, 100])
@given(crowds(slipping=True))
@settings(max_examples=30, deadline=None)
def test_nobody_starves_where_small_ones_slip_in(
    load_seconds: float, crowd: tuple[dict[str, int], int, list[Client]]
) -> None:
    sizes, room, clients = crowd
    seen = course(clients, sizes, room, load_seconds, until=800)
    turn, drain = min(4 * load_seconds, 300), max(each.answer_seconds for each in clients)
    assert seen.longest_wait <= len(sizes) * (turn + drain + 3 * load_seconds)
