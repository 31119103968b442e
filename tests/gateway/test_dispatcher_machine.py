"""Places through any history: requests come, end and leave, backends come, go and change, time passes."""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kanoa_mlops.gateway import line, purse, seat
from kanoa_mlops.gateway.backends import Backend, Backends, State, granted
from kanoa_mlops.gateway.books.books import Books
from kanoa_mlops.gateway.books.key import KeyLimits, new_key
from kanoa_mlops.gateway.books.sqlite import SqliteStore
from kanoa_mlops.gateway.burst.grant import Grant
from kanoa_mlops.gateway.dispatcher import Dispatcher
from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.guest import Guest
from kanoa_mlops.gateway.line import Terms
from kanoa_mlops.gateway.policy.ask import Ask, Burst
from kanoa_mlops.gateway.policy.backend import FREE, Abilities, Price
from kanoa_mlops.gateway.policy.outcome import Outcome
from kanoa_mlops.gateway.policy.queue import Queue
from kanoa_mlops.gateway.post import Post
from kanoa_mlops.gateway.purse import Purse
from kanoa_mlops.gateway.seat import Seat
from tests.gateway.books.making import NOON
from tests.gateway.conftest import backend
from tests.gateway.test_leaving import until

MODEL = "smollm2"
STEP = 0.1  # seconds; decisions are made no more often
GRAIN = 3 * STEP


def _granted(id: str, price: Price, limits: dict[str, int]) -> Backend:
    abilities = Abilities(4096, sees=False, tools=True, structured=True)
    terms: dict[str, Any] = {"limits": limits, "headers": {}, "key": f"key of {id}", "micro_per_day": 10**9}
    grant = Grant(id, MODEL, id, f"http://{id}/v1", id, price, abilities, **terms)
    return replace(granted(grant), slots=2)


BACKENDS = {
    each.id: each
    for each in (
        backend("http://a", id="a", slots=1),
        backend("http://b", id="b", slots=2, sees=True, tier="lan"),
        backend("http://c", id="c", slots=1, on_demand=True, state="asleep"),
        backend("http://d", id="d", slots=1, tier="cloud"),
        _granted("free", FREE, {"requests_per_minute": 3, "tokens_per_minute": 3000}),
        _granted("dear", Price(FREE.prompt + 1, FREE.answer + 1), {}),
    )
}
OUTCOMES = (
    Outcome(fault="connect"),
    Outcome(fault="cut"),
    Outcome(503, body=b'{"error": {"message": "Loading model"}}'),
    Outcome(429, headers={"retry-after": "3"}),
    Outcome(402),
    Outcome(401),
)
ids = st.sampled_from(sorted(BACKENDS))
numbers = st.integers(0, 99)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its time passes when it is told to."""

    now = 0.0

    def time(self) -> float:
        return self.now

    def settle(self) -> None:
        """Until whoever has something to do has done it."""
        for _ in range(6):
            self.call_soon(self.stop)
            self.run_forever()


@dataclass
class Caller:
    ask: Ask
    guest: Guest
    task: asyncio.Task[Seat]
    seat: Seat | None = None


class Door(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.loop = VirtualLoop()
        self.stack.callback(self.loop.close)
        self.loop.now = began = time.monotonic()
        clock = SimpleNamespace(
            monotonic=self.loop.time, time=lambda: NOON + self.loop.now - began, sleep=time.sleep
        )
        patches = self.stack.enter_context(pytest.MonkeyPatch.context())
        for module in (line, purse, seat):
            patches.setattr(module, "time", clock)
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        store = SqliteStore(folder / "gateway.db")
        self.stack.callback(store.close)
        money = Purse(Books(store, clock=clock.time), after_seconds=2.0)
        self.backends = Backends(BACKENDS[each] for each in ("a", "b", "free"))
        self.dispatcher = Dispatcher(self.backends, Terms(queue_length=8), money)
        key, _ = new_key("ann", NOON, limits=KeyLimits(may_burst=False))
        self.guests = (Guest(), Guest(key))
        self.callers: list[Caller] = []
        self.count = 0

    @property
    def waiting(self) -> list[Caller]:
        return [each for each in self.callers if not each.seat]

    @property
    def seated(self) -> list[Caller]:
        return [each for each in self.callers if each.seat]

    @rule(
        burst=st.sampled_from(("never", "allow", "allow", "require")),
        images=st.booleans(),
        tokens=st.sampled_from((10, 2000, 5000)),
        patience=st.sampled_from((0.5, 5.0, 60.0)),
        whose=st.integers(0, 1),
        times=st.integers(1, 5),
    )
    def come(self, burst: Burst, images: bool, tokens: int, patience: float, whose: int, times: int) -> None:
        for _ in range(times):
            self.count += 1
            now, guest, sees = self.loop.now, self.guests[whose], images and tokens < 50
            id = f"{self.count}"
            ask = Ask(id, MODEL, guest.id, tokens, now, now + patience, 5, sees, burst=burst)
            task = self.loop.create_task(self.dispatcher.seat(ask, guest, lambda words: None))
            self.callers.append(Caller(ask, guest, task))
        self.settle()

    @precondition(lambda self: self.seated)
    @rule(number=numbers, outcome=st.sampled_from((None, None, None, *OUTCOMES)))
    def ends(self, number: int, outcome: Outcome | None) -> None:
        caller = self.seated[number % len(self.seated)]
        assert caller.seat
        with caller.seat as place:
            if outcome:
                place.met(outcome)
            else:
                place.tokens = 20
                place.answered()
        self.callers.remove(caller)
        self.settle()

    @precondition(lambda self: self.seated)
    @rule(number=numbers)
    def leaves(self, number: int) -> None:
        caller = self.seated[number % len(self.seated)]
        assert caller.seat
        caller.seat.leave()
        caller.seat.leave()  # twice is once
        self.callers.remove(caller)
        self.settle()

    @precondition(lambda self: self.waiting)
    @rule(number=numbers, also_free=numbers)
    def gives_up(self, number: int, also_free: int) -> None:
        """At the very moment at which a place may become free for it."""
        caller = self.waiting[number % len(self.waiting)]
        if self.seated:
            other = self.seated[also_free % len(self.seated)]
            assert other.seat
            other.seat.leave()
            self.callers.remove(other)
        caller.task.cancel()
        self.loop.settle()
        assert caller.task.cancelled()
        self.callers.remove(caller)
        self.settle()

    @rule(id=ids, state=st.sampled_from(("loading", "ready", "ready", "asleep", "down")))
    def is_marked(self, id: str, state: State) -> None:
        if self.backends.get(id):
            self.backends.mark(id, state)
        self.settle()

    @rule(id=ids, slots=st.integers(1, 3))
    def is_listed(self, id: str, slots: int) -> None:
        self.backends.put(replace(BACKENDS[id], slots=slots))
        self.settle()

    @precondition(lambda self: self.seated)
    @rule(number=numbers)
    def is_listed_anew(self, number: int) -> None:
        """While it works."""
        place = self.seated[number % len(self.seated)].seat
        assert place
        if self.backends.get(place.backend.id):
            self.backends.remove(place.backend.id)
        self.backends.put(place.backend)
        self.settle()

    @rule(id=ids)
    def is_removed(self, id: str) -> None:
        if self.backends.get(id):
            self.backends.remove(id)
        self.settle()

    @rule(seconds=st.sampled_from((0.2, 1.0, 5.0, 20.0)))
    def time_passes(self, seconds: float) -> None:
        until = self.loop.now + seconds
        while self.loop.now < until:
            self.loop.now += STEP
            self.settle()

    @invariant()
    def nobody_waits_while_a_place_is_free(self) -> None:
        idle = [each for each in self.waiting if self.could_have(each)]
        if not idle:
            return
        self.time_passes(GRAIN)  # a pause of a backend that has just ended is seen soon
        still = [each for each in idle if each in self.waiting and self.could_have(each)]
        assert not still, [(each.ask, [post.backend.id for post in self.could_have(each)]) for each in still]

    @invariant()
    def who_waits_is_in_line(self) -> None:
        assert sum(self.dispatcher.snapshot().queued.values()) == len(self.waiting) or not self.backends.all()

    def could_have(self, caller: Caller) -> list[Post]:
        """The near backends that would take it now, whoever else waits."""
        posts = self.dispatcher._line(MODEL).posts.values()
        views = [(post, post.view(self.loop.now, turns=True)) for post in posts if post.backend.near]
        return [
            post
            for post, view in views
            if caller.ask.burst != "require"
            and view.state.kind == "ready"
            and view.able(caller.ask)
            and view.in_flight < view.slots
        ]

    def settle(self) -> None:
        self.loop.settle()
        for caller in [each for each in self.waiting if each.task.done()]:
            try:
                caller.seat = caller.task.result()
            except ApiError:
                self.callers.remove(caller)
            else:
                self.check(caller, caller.seat)

    def check(self, caller: Caller, place: Seat) -> None:
        """That it may sit there."""
        ask, there = caller.ask, place.backend
        assert not ask.images or there.sees
        assert there.near or (ask.burst != "never" and caller.guest.may_burst)
        assert ask.burst != "require" or there.tier == "hosted"
        if not there.on_demand:
            here = [each for each in self.seated if each.seat and each.seat.backend.id == there.id]
            assert len(here) <= there.slots

    def teardown(self) -> None:
        waiting = self.waiting
        for caller in waiting:
            caller.task.cancel()
        for caller in self.seated:
            assert caller.seat
            caller.seat.leave()
        self.loop.settle()
        for caller in waiting:
            assert caller.task.cancelled() or isinstance(caller.task.exception(), ApiError)
        own = self.dispatcher._line(MODEL)
        assert own._queue == Queue()
        assert own.waiting == 0
        assert all(post.in_flight == 0 for post in own.posts.values())
        self.stack.close()


async def test_a_backend_that_is_listed_anew_still_works_for_those_before() -> None:
    backends = Backends([BACKENDS["a"]])
    dispatcher = Dispatcher(backends, Terms())
    first = await dispatcher.seat(_ask("1"), Guest(), _to_nobody)
    backends.remove("a")
    backends.put(BACKENDS["a"])
    waiting = asyncio.create_task(dispatcher.seat(_ask("2"), Guest(), _to_nobody))
    await until(lambda: _queued(dispatcher) == 1)
    assert not waiting.done()
    first.leave()
    (await waiting).leave()
    assert [each.in_flight for each in dispatcher.snapshot().backends] == [0]


async def test_what_is_too_large_for_now_has_no_smaller_one_refused(tmp_path: Path) -> None:
    """A provider's limits are others for each request."""
    store = SqliteStore(tmp_path / "gateway.db")
    grant = BACKENDS["free"].grant
    assert grant
    wide = replace(grant, limits={"tokens_per_minute": 3000})
    dispatcher = Dispatcher(Backends([replace(BACKENDS["free"], grant=wide)]), Terms(), Purse(Books(store)))

    async def seat(id: str, tokens: int, patience: float) -> Seat:
        return await dispatcher.seat(_ask(id, tokens, patience, "require"), Guest(), _to_nobody)

    before = [await seat(id, 800, 60.0) for id in ("1", "2")]
    large = asyncio.create_task(seat("3", 2900, 60.0))
    small = asyncio.create_task(seat("4", 10, 15.0))
    await until(lambda: _queued(dispatcher) == 2)
    for each in before:
        each.leave()
    (await asyncio.wait_for(small, 60)).leave()
    large.cancel()
    await asyncio.gather(large, return_exceptions=True)
    store.close()


def _queued(dispatcher: Dispatcher) -> int:
    return sum(dispatcher.snapshot().queued.values())


def _ask(id: str, tokens: int = 10, patience: float = 60.0, burst: Burst = "allow") -> Ask:
    now = time.monotonic()
    return Ask(id, MODEL, "", tokens, now, now + patience, 5, burst=burst)


def _to_nobody(words: object) -> None:
    """Nobody is told what is waited for."""


Door.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestDoor = Door.TestCase
