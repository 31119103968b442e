"""Models that do not all fit at once: loaded when asked for, and let go when another needs the room."""

from __future__ import annotations

import asyncio
import functools
import math
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from typing import Self

from kanoa_mlops.errors import DoesNotFit, Failure
from kanoa_mlops.runtime.fleet.keeper import Keeper, OnChange
from kanoa_mlops.runtime.fleet.member import Member
from kanoa_mlops.runtime.fleet.seat import Seat, Waiter
from kanoa_mlops.runtime.fleet.turns import Decision, Room, decide


class Fleet:
    """Keeps loaded whoever's turn it is, see `turns`. To be entered; on leaving no engine is left running.

    Args:
        room: whether these models fit together; asked once for each combination.
        on_change: is told whenever a model's state changes.
        pinned: loaded from the start, and never made to go.
        idle_seconds: a model without work for so long is unloaded; None keeps it.
        load_seconds: a model that is not ready after so long is given up.
        stop_seconds: an engine that has not ended after so long is not waited for any more.

    Raises:
        DoesNotFit: a model does not fit beside those that are pinned.
    """

    def __init__(
        self,
        members: Iterable[Member],
        room: Room,
        on_change: OnChange = lambda model, state, reason: None,
        *,
        pinned: Collection[str] = (),
        idle_seconds: float | None = None,
        load_seconds: float = 1800.0,
        stop_seconds: float = 60.0,
    ) -> None:
        self._seats = {each.name: Seat(each, pinned=each.name in pinned) for each in members}
        self._room: Room = functools.cache(room)
        self._idle_seconds = idle_seconds
        self._keeper = Keeper(on_change, self._look, load_seconds, stop_seconds)
        self._change: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        for name in self._seats:
            _require_room(name, frozenset(pinned), self._room)

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        for seat in self._seats.values():
            seat.missing_since = self._loop.time()
        self._look()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closed = True
        self._set_timer(math.inf)
        if self._change:
            self._change.cancel()
            await asyncio.gather(self._change, return_exceptions=True)
        for seat in self._seats.values():
            seat.refuse(_stopping())
        living = [seat for seat in self._seats.values() if seat.life]
        await asyncio.gather(*(self._keeper.unload(seat, "the server is stopping") for seat in living))

    @asynccontextmanager
    async def using(
        self, model: str, tell: Callable[[str], None] = lambda words: None
    ) -> AsyncIterator[None]:
        """Holds `model` loaded while inside; entering waits until it is loaded and has its turn.

        Who is cancelled while waiting is out of the queue at once.

        Args:
            tell: is given in words what is waited for, whenever that changes.

        Raises:
            KanoaError: it could not be loaded, and why.
        """
        seat = self._seats[model]
        seat.asked(self._loop.time())
        if seat.is_open:
            seat.in_flight += 1
        else:
            await self._wait(seat, tell)
        try:
            yield
        finally:
            self._release(seat)

    async def _wait(self, seat: Seat, tell: Callable[[str], None]) -> None:
        now = self._loop.time()
        if self._closed:
            raise _stopping()
        if seat.failure and now < seat.rests_until:
            raise seat.failure
        waiter = Waiter(self._loop.create_future(), tell, now)
        seat.waiters.append(waiter)
        self._look()
        try:
            await waiter.admitted
        except asyncio.CancelledError:
            if waiter in seat.waiters:
                seat.waiters.remove(waiter)
                self._look()
            elif waiter.was_admitted:  # its turn came as it left
                self._release(seat)
            raise

    def _release(self, seat: Seat) -> None:
        seat.in_flight -= 1
        seat.used_at = self._loop.time()
        if not seat.in_flight:
            self._look()

    def _look(self) -> None:
        """Something happened: decide, and begin what is to be done. Never waits."""
        if self._closed:
            return
        now = self._loop.time()
        self._wake_rested(now)
        decide_at = math.inf
        if self._change is None:  # one at a time, so that how long it takes is what it costs
            decide_at = self._begin(self._decide(now))
        for seat in self._seats.values():
            if seat.is_open:
                seat.admit()
            seat.tell()
        rests = (seat.rests_until for seat in self._seats.values() if seat.state == "down")
        self._set_timer(min((decide_at, *rests)))

    def _begin(self, decision: Decision) -> float:
        """When to decide again."""
        for seat in self._seats.values():
            # Who is to go takes nothing new from this moment on, though it goes a moment later.
            seat.draining = seat.name in decision.drain | decision.unload
        if decision.load or decision.unload:
            self._change = asyncio.create_task(self._make_change(decision.load, decision.unload))
        return decision.again_at

    def _decide(self, now: float) -> Decision:
        while True:
            standings = [seat.standing(now) for seat in self._seats.values()]
            decision = decide(standings, self._room, now, self._idle_seconds)
            if not decision.hopeless:
                return decision
            self._keeper.give_up(self._seats[decision.hopeless], self._no_room(decision.hopeless))

    async def _make_change(self, load: str, unload: Collection[str]) -> None:
        began = self._loop.time()
        reason = f"made room for {load}" if load else "had no work for a while"
        try:
            going = (self._keeper.unload(self._seats[name], reason) for name in unload)
            gone = all(await asyncio.gather(*going))
            if gone and load and self._seats[load].wanted_since(self._loop.time()) is not None:
                await self._keeper.load(self._seats[load], began)
        finally:
            self._change = None
            self._look()

    def _wake_rested(self, now: float) -> None:
        for seat in self._seats.values():
            if seat.state == "down" and now >= seat.rests_until:
                self._keeper.set_state(seat, "asleep", seat.failure.message if seat.failure else "")

    def _no_room(self, name: str) -> Failure:
        stuck = [seat.name for seat in self._seats.values() if seat.life and seat.state != "ready"]
        return Failure(f"{name} cannot be loaded: {' and '.join(stuck)} was told to end and has not.")

    def _set_timer(self, when: float) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._look) if when < math.inf else None


def _require_room(name: str, pinned: frozenset[str], room: Room) -> None:
    if not room(pinned | {name}):
        beside = " and ".join(sorted(pinned - {name}))
        raise DoesNotFit(
            f"{name} does not fit here" + (f" beside {beside}, which is pinned." if beside else "."),
            hint="Pin fewer models, or ask for less with --context and --parallel.",
        )


def _stopping() -> Failure:
    return Failure("The server is stopping.")
