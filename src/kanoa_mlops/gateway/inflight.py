"""The requests being answered now, and how long each may still wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any

from kanoa_mlops.gateway.envelope import ApiError

_LAST_WORDS_SECONDS = 5.0  # for the streams to send their error event once the grace is over

Late = Callable[[], ApiError]
"""Gives the answer to a wait that was too long. Not the answer itself: few are ever wanted."""


class Patience:
    """One request's time limit. Moves as the request moves, and ends at once when the gateway stops."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._seconds: float | None = None
        self._ended = False
        self._task: asyncio.Task[Any] | None = None
        self._cancelling = 0
        self._expired = False
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._late: Late = _too_late

    def allow(self, seconds: float, late: Late) -> None:
        """From now on wait at most `seconds` for the next step; past them, `late` gives the answer."""
        if not self._ended:
            self._seconds, self._late = seconds, late
            self.renew()

    def renew(self) -> None:
        """Something moved: the same seconds again, from now."""
        if self._ended or self._seconds is None:
            return
        self._deadline = self._loop.time() + self._seconds
        # Moved with every piece of every stream; a timer is only made anew where it would ring too late.
        if self._timer is None or self._timer.when() > self._deadline:
            self._set_timer()

    def hurry(self) -> None:
        """As if it had been waited too long."""
        if not self._ended:
            self._expire()

    def recover(self) -> ApiError | None:
        """Go on although it was waited too long. Gives what would have been answered; None where something
        else wants an end as well."""
        task = self._task
        if not self.ran_out or task is None or task.cancelling() - 1 > self._cancelling:
            return None
        task.uncancel()
        self._stop_timer()
        self._timer, self._seconds, self._expired = None, None, False
        return self.late

    def end(self, late: Late) -> None:
        """Wait no more, and never again."""
        self._ended, self._late = True, late
        self._expire()

    @property
    def late(self) -> ApiError:
        """The answer to who waited too long."""
        return self._late()

    @property
    def ran_out(self) -> bool:
        """It was waited too long; not that somebody wanted an end."""
        return self._expired and not self._ended

    def start(self) -> None:
        """From now on being late ends the task that calls this."""
        self._task = asyncio.current_task()
        assert self._task is not None
        self._cancelling = self._task.cancelling()

    def over(self, kind: type[BaseException] | None) -> None:
        """The task is done with it, by this kind of exception or none.

        Raises:
            TimeoutError: it was late, and that is what ended it.
        """
        self._stop_timer()
        task, self._task = self._task, None
        if self._expired and task and task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()

    def _set_timer(self) -> None:
        self._stop_timer()
        self._timer = self._loop.call_at(self._deadline, self._ring)

    def _ring(self) -> None:
        if self._loop.time() < self._deadline:
            self._set_timer()
        else:
            self._expire()

    def _expire(self) -> None:
        # As asyncio.timeout does it, which costs each request what few need.
        if self._task and not self._expired:
            self._expired = True
            self._task.cancel()


class InFlight:
    """Every running request, so that a stop can wait for them, and then tell them to end."""

    def __init__(self) -> None:
        self._running: set[Patience] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self.stopping = False

    def running(self, patience: Patience) -> Running:
        """Around one request. Waiting too long ends in a TimeoutError; then `Patience.late` is the answer."""
        return Running(self, patience)

    async def drain(self, grace_seconds: float) -> None:
        """Let what runs finish for `grace_seconds`, then end it with an error the clients can see."""
        self.stopping = True
        if await self._emptied(grace_seconds):
            return
        for patience in list(self._running):
            patience.end(stopping)
        await self._emptied(_LAST_WORDS_SECONDS)

    def enter(self, patience: Patience) -> None:
        self._running.add(patience)
        self._empty.clear()

    def leave(self, patience: Patience) -> None:
        self._running.discard(patience)
        if not self._running:
            self._empty.set()

    async def _emptied(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            return False
        return True


class Running:
    """A request among those in flight."""

    def __init__(self, in_flight: InFlight, patience: Patience) -> None:
        self._in_flight, self._patience = in_flight, patience

    async def __aenter__(self) -> None:
        self._in_flight.enter(self._patience)
        self._patience.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._in_flight.leave(self._patience)
        self._patience.over(kind)


def _too_late() -> ApiError:
    return ApiError(504, "The request took too long.", code="timeout")


def client_stalled() -> ApiError:
    return ApiError(408, "The client stopped reading the answer.", code="client_stalled")


def stopping() -> ApiError:
    return ApiError(
        503,
        "The gateway is stopping; this answer is incomplete or was not begun.",
        code="gateway_stopping",
        headers={"connection": "close"},
    )
