"""Begins and ends the lives of a fleet's members, and says what became of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from kanoa_mlops.errors import EngineDied, Failure, KanoaError
from kanoa_mlops.runtime.fleet.seat import Seat, State

log = logging.getLogger(__name__)

OnChange = Callable[[str, State, str], None]
"""Is given model, state, and where something went wrong, what."""

_TRIES = 3
_REST_SECONDS = 10.0
"""After the last try: what cannot be loaded must not push out what can, again and again."""
_STEADY_SECONDS = 60.0
"""An engine that lived so long did not fall over its own start."""


@dataclass(frozen=True)
class Keeper:
    on_change: OnChange
    ended: Callable[[], None]
    """Is called after a life has ended, however it did."""
    load_seconds: float
    """A model that is not ready after so long is given up."""
    stop_seconds: float
    """An engine that has not ended after so long is not waited for any more."""

    async def load(self, seat: Seat, began: float) -> None:
        """Until it is ready or has failed. `began` is when making room for it began."""
        loop = asyncio.get_running_loop()
        self.set_state(seat, "loading")
        seat.tell()
        ready = asyncio.Event()
        life = asyncio.create_task(seat.member.run(ready.set), name=seat.name)
        seat.life = life
        life.add_done_callback(lambda _: self._ended(seat, life))
        if not await self._is_ready(ready, life):
            if not life.done():
                self.give_up(seat, _too_slow(seat.name, self.load_seconds))
            await self._end(life)
            return
        seat.loaded_at = seat.used_at = loop.time()
        seat.load_seconds = seat.loaded_at - began
        log.info("loaded %s in %.1f s", seat.name, seat.load_seconds)
        self.set_state(seat, "ready")
        seat.admit()  # its first work, before anybody decides whether it has any

    async def unload(self, seat: Seat, reason: str) -> bool:
        """Whether it is gone."""
        if seat.life is None:  # it died in this very moment
            return True
        log.info("unloading %s: %s", seat.name, reason)
        seat.falls = 0
        self.set_state(seat, "asleep")
        return await self._end(seat.life)

    def give_up(self, seat: Seat, error: KanoaError) -> None:
        """Until it has rested."""
        seat.falls, seat.failure = 0, error
        seat.rests_until = seat.missing_since = asyncio.get_running_loop().time() + _REST_SECONDS
        self.set_state(seat, "down", error.message)
        seat.refuse(error)

    def set_state(self, seat: Seat, state: State, reason: str = "") -> None:
        seat.state = state
        self.on_change(seat.name, state, reason)

    async def _is_ready(self, ready: asyncio.Event, life: asyncio.Task[None]) -> bool:
        """True once it answers, False when it ended before or takes too long."""
        answers = asyncio.create_task(ready.wait())
        try:
            await asyncio.wait(
                (answers, life), timeout=self.load_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            return answers.done() and not life.done()
        finally:
            answers.cancel()

    async def _end(self, life: asyncio.Task[None]) -> bool:
        """Whether it has ended."""
        if not life.cancelling():  # a second time would cut short how it ends
            life.cancel()
        await asyncio.wait((life,), timeout=self.stop_seconds)
        if not life.done():
            log.error("%s was told to end and has not after %g s", life.get_name(), self.stop_seconds)
        return life.done()

    def _ended(self, seat: Seat, life: asyncio.Task[None]) -> None:
        seat.life = None
        error = _why(seat.name, life)
        if seat.state in ("loading", "ready"):
            self._fell(seat, error)
        self.ended()

    def _fell(self, seat: Seat, error: KanoaError) -> None:
        """It ended by itself. Who waits for it has it loaded again, some times."""
        now = asyncio.get_running_loop().time()
        steady = seat.state == "ready" and now - seat.loaded_at >= _STEADY_SECONDS
        seat.falls = 1 if steady else seat.falls + 1
        seat.missing_since = now
        log.error("%s (%d of %d)", error.message, seat.falls, _TRIES)
        if seat.falls < _TRIES and isinstance(error, Failure):
            self.set_state(seat, "asleep", error.message)
        else:
            self.give_up(seat, error)


def _why(name: str, life: asyncio.Task[None]) -> KanoaError:
    error = None if life.cancelled() else life.exception()
    if isinstance(error, KanoaError):
        return error
    if error is not None:
        log.error("unexpected failure of %s", name, exc_info=error)
        return Failure(f"{name} failed: {error!r}.")
    return EngineDied(f"The engine of {name} ended.")


def _too_slow(name: str, seconds: float) -> Failure:
    return Failure(f"{name} was not ready after {seconds:g} s of loading.")
