"""A fleet of members that take their time, die, hang, and are asked for by clients who leave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from kanoa_mlops.errors import DoesNotFit, EngineDied, Failure, UserError
from kanoa_mlops.runtime.fleet.fleet import Fleet
from kanoa_mlops.runtime.fleet.seat import State
from tests.runtime.fleet.clock import run
from tests.runtime.fleet.members import FakeMember, Memory, room_of


@dataclass
class Bench:
    """Members `a`, `b` and `c`, of which `room` fit at once, and what became of them."""

    room: int = 1
    said: list[tuple[str, State, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.memory = Memory(self.room)
        self.a, self.b, self.c = (FakeMember(name, self.memory) for name in "abc")

    @property
    def states(self) -> list[tuple[str, State]]:
        return [(name, state) for name, state, _ in self.said]

    @asynccontextmanager
    async def fleet(
        self,
        *,
        pinned: Collection[str] = (),
        idle_seconds: float | None = None,
        load_seconds: float = 1800,
        stop_seconds: float = 60,
    ) -> AsyncIterator[Fleet]:
        members = [self.a, self.b, self.c]
        async with Fleet(
            members,
            room_of(members, self.memory),
            lambda *change: self.said.append(change),
            pinned=pinned,
            idle_seconds=idle_seconds,
            load_seconds=load_seconds,
            stop_seconds=stop_seconds,
        ) as fleet:
            yield fleet
        assert self.memory.most <= self.memory.size


async def use(fleet: Fleet, model: str, seconds: float = 1) -> float:
    """When its turn came."""
    async with fleet.using(model):
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(seconds)
        return now


def clock() -> float:
    return asyncio.get_running_loop().time()


def test_a_model_is_loaded_when_asked_for_and_stays() -> None:
    bench = Bench()

    async def main() -> None:
        async with bench.fleet() as fleet:
            assert await use(fleet, "a") == 10
            assert await use(fleet, "a") == 11
        assert bench.states == [("a", "loading"), ("a", "ready"), ("a", "asleep")]
        assert not bench.memory.held

    run(main())


def test_many_requests_share_one_load() -> None:
    bench = Bench()

    async def main() -> None:
        async with bench.fleet() as fleet:
            assert await asyncio.gather(*(use(fleet, "a") for _ in range(20))) == [10] * 20
        assert bench.a.loads == 1

    run(main())


def test_another_takes_its_room_only_once_it_is_gone() -> None:
    bench = Bench()
    bench.a.end_seconds = 3

    async def main() -> None:
        async with bench.fleet() as fleet:
            await use(fleet, "a")  # ends at 11, and lingers until 21
            assert await use(fleet, "b") == 11 + 10 + 3 + 10
        assert ("a", "asleep", "") in bench.said  # no fault, so no reason

    run(main())


def test_work_in_flight_is_never_cut() -> None:
    bench = Bench()

    async def main() -> None:
        async with bench.fleet() as fleet:
            long = asyncio.create_task(use(fleet, "a", seconds=500))
            await asyncio.sleep(11)
            assert await use(fleet, "b") == 10 + 500 + 10
            assert await long == 10

    run(main())


def test_what_comes_while_it_drains_queues_behind() -> None:
    bench = Bench()

    async def main() -> None:
        async with bench.fleet() as fleet:
            long = asyncio.create_task(use(fleet, "a", seconds=100))
            await asyncio.sleep(20)
            other = asyncio.create_task(use(fleet, "b"))
            await asyncio.sleep(40)  # the turn of `a` was over at 50
            late = asyncio.create_task(use(fleet, "a"))
            assert await other == 10 + 100 + 10
            assert await late == 121 + 10 + 10  # `b` lingers for a load
            await long

    run(main())


def test_a_model_about_to_go_takes_no_new_request() -> None:
    """One that comes in the very moment in which it was decided."""
    bench = Bench()

    async def main() -> None:
        async with bench.fleet() as fleet:
            await use(fleet, "a")
            await asyncio.sleep(100)
            other = asyncio.create_task(use(fleet, "b"))
            late = asyncio.create_task(use(fleet, "a", seconds=5))
            assert await other == 111 + 10
            assert await late == 122 + 10 + 10
        assert bench.a.loads == 2

    run(main())


def test_draining_goes_on_while_another_slips_in() -> None:
    bench = Bench(room=3)
    bench.a.size, bench.b.size, bench.c.size = 2, 2, 1

    async def main() -> None:
        async with bench.fleet() as fleet:
            long = asyncio.create_task(use(fleet, "a", seconds=100))
            await asyncio.sleep(55)
            big = asyncio.create_task(use(fleet, "b"))  # drains `a`
            await asyncio.sleep(1)
            small = asyncio.create_task(use(fleet, "c"))  # loads beside it
            await asyncio.sleep(1)
            late = asyncio.create_task(use(fleet, "a"))
            assert await small == 56 + 10
            assert await big == 110 + 10
            assert await late > 130
            await long

    run(main())


def test_the_queue_forgets_who_leaves() -> None:
    bench = Bench()

    async def main() -> None:
        async with bench.fleet() as fleet:
            holding = asyncio.create_task(use(fleet, "a", seconds=100))
            await asyncio.sleep(11)
            leaving = asyncio.create_task(use(fleet, "b"))
            waiting = asyncio.create_task(use(fleet, "c"))
            await asyncio.sleep(1)
            leaving.cancel()
            assert await waiting == 10 + 100 + 10
            await holding
        assert bench.b.loads == 0

    run(main())


def test_who_leaves_while_it_loads_leaves_a_loaded_model() -> None:
    bench = Bench()

    async def main() -> None:
        async with bench.fleet() as fleet:
            leaving = asyncio.create_task(use(fleet, "a"))
            await asyncio.sleep(5)
            leaving.cancel()
            assert await use(fleet, "b") == 10 + 10 + 10  # nothing of `a` is in flight
        assert bench.a.loads == 1

    run(main())


@pytest.mark.parametrize("steps", range(6))
def test_who_leaves_as_the_turn_comes_holds_nothing(steps: int) -> None:
    bench = Bench()

    async def main() -> None:
        async with bench.fleet() as fleet:
            leaving = asyncio.create_task(use(fleet, "a", seconds=1000))
            await asyncio.sleep(10)
            for _ in range(steps):
                await asyncio.sleep(0)
            leaving.cancel()
            assert await use(fleet, "b") == 10 + 10 + 10

    run(main())


def test_idle_models_are_unloaded() -> None:
    bench = Bench(room=2)

    async def main() -> None:
        async with bench.fleet(pinned=["b"], idle_seconds=60) as fleet:
            await use(fleet, "a")
            ended = clock()
            await asyncio.sleep(59)
            assert "a" in bench.memory.held
            await asyncio.sleep(2)
            assert list(bench.memory.held) == ["b"]
            assert clock() == ended + 61
        assert ("a", "asleep", "") in bench.said

    run(main())


def test_pinned_models_are_loaded_from_the_start_and_stay() -> None:
    bench = Bench(room=2)

    async def main() -> None:
        async with bench.fleet(pinned=["a"]) as fleet:
            await asyncio.sleep(500)
            assert await use(fleet, "b") == 510
            assert await use(fleet, "c") == 511 + 10 + 10
            assert await use(fleet, "a") == 532
        assert bench.a.loads == 1

    run(main())


def test_what_could_never_be_loaded_is_refused_at_the_start() -> None:
    memory = Memory(12)
    members = [FakeMember("a", memory, size=6), FakeMember("b", memory, size=9)]
    Fleet(members, room_of(members, memory))
    with pytest.raises(DoesNotFit, match="b does not fit here beside a, which is pinned") as raised:
        Fleet(members, room_of(members, memory), pinned=["a"])
    assert "Pin fewer" in raised.value.hint


def test_an_engine_that_dies_while_it_loads_is_tried_again() -> None:
    bench = Bench()
    bench.a.fails = [EngineDied("No."), EngineDied("No.")]

    async def main() -> None:
        async with bench.fleet() as fleet:
            assert await use(fleet, "a") == 30
        assert ("a", "asleep", "No.") in bench.said

    run(main())


def test_an_engine_that_never_loads_is_given_up_and_tried_later() -> None:
    bench = Bench()
    bench.a.fails = [EngineDied("No."), EngineDied("No."), EngineDied("No, no, no.")]

    async def main() -> None:
        async with bench.fleet() as fleet:
            with pytest.raises(EngineDied, match="No, no, no"):
                await use(fleet, "a")
            assert clock() == 30
            with pytest.raises(EngineDied, match="No, no, no"):  # at once
                await use(fleet, "a")
            assert clock() == 30
            assert bench.said[-1] == ("a", "down", "No, no, no.")
            await asyncio.sleep(10)
            assert bench.said[-1] == ("a", "asleep", "No, no, no.")
            assert await use(fleet, "a") == 50

    run(main())


def test_what_the_person_must_change_is_not_tried_again() -> None:
    bench = Bench()
    bench.a.fails = [UserError("The licence is not accepted.")]

    async def main() -> None:
        async with bench.fleet() as fleet:
            with pytest.raises(UserError, match="licence"):
                await use(fleet, "a")
        assert bench.a.loads == 1

    run(main())


def test_a_pinned_engine_that_never_loads_lets_others_have_the_room_meanwhile() -> None:
    bench = Bench(room=2)
    bench.a.fails = [EngineDied("No.") for _ in range(300)]

    async def main() -> None:
        async with bench.fleet(pinned=["a"]) as fleet:
            assert await use(fleet, "b") == 20  # once it has failed, `a` waits behind
            await asyncio.sleep(500)
        assert 30 < bench.a.loads < 45

    run(main())


def test_an_engine_that_dies_when_ready_is_loaded_when_asked_for_again() -> None:
    bench = Bench()

    async def main() -> None:
        async with bench.fleet() as fleet:
            await use(fleet, "a")
            bench.a.die()
            await asyncio.sleep(100)
            assert bench.said[-1] == ("a", "asleep", "The engine of a stopped.")
            assert await use(fleet, "a") == 121

    run(main())


def test_an_engine_that_dies_with_work_in_flight_is_loaded_for_those_who_wait() -> None:
    bench = Bench()

    async def main() -> None:
        async with bench.fleet() as fleet:
            busy = asyncio.create_task(use(fleet, "a", seconds=100))
            await asyncio.sleep(15)
            bench.a.die()
            await asyncio.sleep(1)
            assert await use(fleet, "a") == 26
            assert await use(fleet, "b") == 110 + 10  # its turn is over by then, and what began is not cut
            await busy

    run(main())


def test_an_engine_that_dies_as_it_is_unloaded_is_gone() -> None:
    bench = Bench()

    async def main() -> None:
        async with bench.fleet() as fleet:
            await use(fleet, "a")
            await asyncio.sleep(20)
            bench.a.die()
            assert await use(fleet, "b") == 41
            bench.b.die()

    run(main())


def test_a_load_that_takes_too_long_is_given_up() -> None:
    bench = Bench()
    bench.a.load_seconds = 1000

    async def main() -> None:
        async with bench.fleet(load_seconds=30) as fleet:
            with pytest.raises(Failure, match="a was not ready after 30 s of loading"):
                await use(fleet, "a")
            assert await use(fleet, "b") == 40

    run(main())


def test_what_was_told_to_end_and_has_not_keeps_its_room() -> None:
    bench = Bench()
    bench.a.end_seconds = 100

    async def main() -> None:
        async with bench.fleet(stop_seconds=5) as fleet:
            await use(fleet, "a")
            with pytest.raises(Failure, match="b cannot be loaded: a was told to end and has not"):
                await use(fleet, "b")
            assert clock() == 11 + 10 + 5
            await asyncio.sleep(96)  # `a` was gone after 95
            assert await use(fleet, "b") == 122 + 10

    run(main())


def test_stopping_while_it_loads_leaves_nothing_and_tells_who_waits() -> None:
    bench = Bench()
    bench.a.end_seconds = 2

    async def main() -> None:
        async with bench.fleet() as fleet:
            waiting = asyncio.create_task(use(fleet, "a"))
            queued = asyncio.create_task(use(fleet, "b"))
            await asyncio.sleep(5)
        assert clock() == 7
        assert not bench.memory.held
        for each in (waiting, queued):
            with pytest.raises(Failure, match="The server is stopping"):
                await each
        with pytest.raises(Failure, match="The server is stopping"):
            await use(fleet, "a")
        await asyncio.sleep(1000)
        assert bench.a.loads == 1

    run(main())


def test_stopping_while_one_makes_room_leaves_nothing() -> None:
    bench = Bench()
    bench.a.end_seconds = 20

    async def main() -> None:
        async with bench.fleet() as fleet:
            await use(fleet, "a")
            waiting = asyncio.create_task(use(fleet, "b"))
            await asyncio.sleep(15)  # `a` is ending
        assert clock() == 11 + 10 + 20
        assert not bench.memory.held
        assert bench.b.loads == 0
        with pytest.raises(Failure):
            await waiting

    run(main())


def test_who_waits_is_told_what_for() -> None:
    bench = Bench()
    heard: list[tuple[float, str]] = []

    def hear() -> Callable[[str], None]:
        return lambda words: heard.append((clock(), words))

    async def main() -> None:
        async with bench.fleet() as fleet:
            await use(fleet, "a")
            async with fleet.using("b", hear()):
                pass

    run(main())
    assert heard == [(11, "b waits for its turn"), (21, "loading b")]
