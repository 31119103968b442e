"""A request on its way: its place, its money, and another backend where the first one fails."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from kanoa_mlops.gateway.backends import Backend
from kanoa_mlops.gateway.body import Asked
from kanoa_mlops.gateway.books.refusal import Limit, Refusal
from kanoa_mlops.gateway.books.reservation import Reservation
from kanoa_mlops.gateway.dispatcher import Dispatcher
from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.exchange import Exchange
from kanoa_mlops.gateway.forward import Forwarder
from kanoa_mlops.gateway.guest import Guest
from kanoa_mlops.gateway.heartbeat import Heartbeat
from kanoa_mlops.gateway.holding import Holding
from kanoa_mlops.gateway.http.request import Request
from kanoa_mlops.gateway.http.response import Answer
from kanoa_mlops.gateway.limits import Limits
from kanoa_mlops.gateway.metrics import Metrics
from kanoa_mlops.gateway.moving import Moving
from kanoa_mlops.gateway.policy.ask import Ask
from kanoa_mlops.gateway.policy.outcome import Fault, Outcome
from kanoa_mlops.gateway.policy.retry import may_retry
from kanoa_mlops.gateway.purse import Purse
from kanoa_mlops.gateway.seat import Seat

FAULTS: dict[str, Fault] = {
    "engine_unreachable": "connect",
    "engine_ended": "cut",
    "engine_stream_cut": "cut",
    "engine_bad_answer": "cut",
    "engine_timeout": "late",
    "engine_stalled": "stalled",
}
"""What an error of the gateway's own says of the backend, by its code; one that is not here says nothing."""


class Fitting(Protocol):
    async def __call__(self, body: bytes, *, backend: Backend, request_id: str) -> bytes: ...


@dataclass
class Errand:
    """One request, ready to be sent to whoever takes it."""

    request: Request
    exchange: Exchange
    asked: Asked
    ask: Ask
    guest: Guest
    body: Callable[[Backend], bytes]
    """The request in the words of a backend."""
    fitted: Fitting | None = None
    """What is still done to it once it is known which engine answers."""
    attempts: int = 0
    """Backends it was sent to. Those of its exchange are more where a model is asked several times."""


@dataclass(frozen=True)
class Sending:
    dispatcher: Dispatcher
    forwarder: Forwarder
    limits: Limits
    metrics: Metrics
    holding: Holding | None = None
    purse: Purse | None = None

    async def send(self, errand: Errand) -> Answer:
        """Until there is an answer. What fails before its first byte is tried elsewhere, where that may help.

        Raises:
            ApiError: why it was refused, or how it failed where it was first sent.
        """
        errand.exchange.begun = False
        seat = await self._paid(errand, await self._seat(errand))
        tried: frozenset[str] = frozenset()
        while True:
            with self._moving(errand, seat, tried) as moving, seat:
                try:
                    return await self._answer(errand, seat, moving)
                except ApiError as error:
                    failure, outcome = error, self._met(errand, seat, error)
                elsewhere = moving.taken()
            tried |= {seat.backend.id}
            if elsewhere is None:
                elsewhere = await self._again(errand, seat, failure, outcome, tried)
            self.metrics.retried(outcome)
            seat = await self._paid(errand, elsewhere)

    async def _seat(self, errand: Errand) -> Seat:
        began = time.monotonic()
        exchange = errand.exchange
        exchange.patience.allow(self.dispatcher.terms.queue_seconds + 1, _waited_too_long)
        seat: Seat | None = None
        try:
            if not errand.asked.stream:
                return await self.dispatcher.seat(errand.ask, errand.guest, _to_nobody)
            async with Heartbeat(errand.request, exchange, self.limits) as heartbeat:
                seat = await self.dispatcher.seat(errand.ask, errand.guest, heartbeat.tell)
            return seat
        except BaseException:
            if seat:  # the client went while the heartbeat came to its end
                seat.leave()
            raise
        finally:
            exchange.queue_seconds += time.monotonic() - began

    async def _paid(self, errand: Errand, seat: Seat) -> Seat:
        """The seat, once the most that it can cost is set aside; else one that costs nothing.

        Raises:
            ApiError: 429, there is no money, and nothing that needs none; 503, nobody could book it.
        """
        if not seat.most_usd or self.purse is None:
            return seat
        reserved = await self._reserve(errand, seat, self.purse)
        if not isinstance(reserved, Refusal):
            errand.exchange.reservation = reserved
            return seat
        seat.leave()
        refusal = _unpaid(reserved)
        if errand.ask.burst == "require":
            raise refusal
        errand.ask = replace(errand.ask, burst="never")
        try:
            return await self._seat(errand)
        except ApiError as error:
            raise _sooner(error, refusal) from None

    async def _reserve(self, errand: Errand, seat: Seat, purse: Purse) -> Reservation | Refusal:
        try:
            return await purse.reserve(seat.most_usd, errand.guest, seat.backend)
        except BaseException:
            seat.leave()
            raise

    def _moving(self, errand: Errand, seat: Seat, tried: frozenset[str]) -> Moving:
        def look() -> Seat | None:
            if seat.post.backend.state != "down":
                return None
            return self.dispatcher.elsewhere(errand.ask, errand.guest, tried | {seat.backend.id})

        return Moving(errand.exchange.patience, look, lambda: errand.exchange.begun)

    def _may_leave(self, errand: Errand, seat: Seat) -> bool:
        """One that does not begin, for another one. Once: what is too long for two is so for a third."""
        if errand.attempts > 1 or errand.exchange.reservation:
            return False
        # One that is loaded first has its own time for that.
        return not seat.backend.on_demand and self.dispatcher.has_several(errand.ask.model)

    async def _answer(self, errand: Errand, seat: Seat, moving: Moving) -> Answer:
        exchange = errand.exchange
        exchange.backend, exchange.why = seat.backend, seat.why
        errand.attempts += 1
        exchange.attempts += 1
        exchange.met = None
        self.metrics.sent(exchange)
        if exchange.trace:
            exchange.trace.sent(seat.backend)
        if may_leave := self._may_leave(errand, seat):
            moving.begin()
        try:
            answer = await self._forwarded(errand, seat)
        except asyncio.CancelledError:
            if may_leave and not exchange.begun and (late := exchange.patience.recover()):
                raise late from None
            if exchange.patience.ran_out and (fault := FAULTS.get(exchange.patience.late.code)):
                seat.met(Outcome(fault=fault))
            raise
        finally:
            if exchange.usage:
                seat.tokens = exchange.usage.prompt_tokens + exchange.usage.completion_tokens
        seat.answered()
        return answer

    async def _forwarded(self, errand: Errand, seat: Seat) -> Answer:
        backend = seat.backend
        if not backend.on_demand or not self.holding:
            return await self._forward(errand, seat, backend)
        request, exchange, asked = errand.request, errand.exchange, errand.asked
        return await self.holding.send(
            request, exchange, asked, backend, partial(self._forward, errand, seat)
        )

    async def _forward(self, errand: Errand, seat: Seat, to: Backend) -> Answer:
        request, exchange, asked = errand.request, errand.exchange, errand.asked
        exchange.backend = to
        body = errand.body(to)
        seat.sent = True
        if errand.fitted:
            self.forwarder.allow(exchange, to)
            body = await errand.fitted(body, backend=to, request_id=exchange.request_id)
        return await self.forwarder.forward(request, exchange, asked, to, body)

    def _met(self, errand: Errand, seat: Seat, error: ApiError) -> Outcome | None:
        """What that says of the backend; None where it says nothing."""
        exchange = errand.exchange
        if exchange.trace:
            exchange.trace.failed(error, exchange.met)
        outcome = exchange.met
        if outcome is None and error.source == "gateway" and error.code in FAULTS:
            outcome = Outcome(fault=FAULTS[error.code])
        if outcome is None:
            return None
        seat.met(outcome)
        _date(error, seat)
        if exchange.reservation and self.purse and not exchange.begun and outcome.fault != "cut":
            # Who refuses charges nothing. Where the connection broke nobody knows.
            self.purse.books.release(exchange.reservation)
            exchange.reservation = None
        return outcome

    async def _again(
        self, errand: Errand, seat: Seat, failure: ApiError, outcome: Outcome | None, tried: frozenset[str]
    ) -> Seat:
        """
        Raises:
            ApiError: the failure, where another try is of no use or not allowed.
        """
        exchange, ask = errand.exchange, errand.ask
        if exchange.begun:
            raise failure
        if counted := _counted(failure):
            # Now it is known how long the prompt is. Who has more room can take it.
            errand.ask = replace(ask, prompt_tokens=counted, prompt_least=counted, prompt_most=counted)
        elif outcome is None or not may_retry(
            outcome,
            errand.attempts - 1,
            began=False,
            paid=exchange.reservation is not None,
            now=time.monotonic(),
            # An engine that is waited for may take longer than a place in the queue.
            deadline=math.inf if outcome.fault == "late" else ask.deadline,
        ):
            raise failure
        elsewhere = self.dispatcher.elsewhere(errand.ask, errand.guest, tried)
        return elsewhere or await self._home(errand, seat, failure)

    async def _home(self, errand: Errand, left: Seat, failure: ApiError) -> Seat:
        """Among those who wait again, whom it had left for a provider that refused it.

        Raises:
            ApiError: the failure, where nobody here can answer in time either.
        """
        if left.backend.near or errand.ask.burst == "require":
            raise failure
        errand.ask = replace(errand.ask, burst="never")
        try:
            return await self._seat(errand)
        except ApiError:
            raise failure from None


def _date(error: ApiError, seat: Seat) -> None:
    """When asking again may help, where the engine did not say and the gateway knows."""
    now = time.monotonic()
    until = seat.post.state(now).until
    if error.status in (429, 503) and until is not None and until > now:
        error.headers.setdefault("retry-after", str(math.ceil(until - now)))


def _to_nobody(words: Callable[[], str]) -> None:
    """Who waits for a whole answer hears nothing before it."""


def _counted(failure: ApiError) -> int | None:
    if failure.code != "context_length_exceeded":
        return None
    counted = failure.details.get("n_prompt_tokens")
    return counted if isinstance(counted, int) else None


def _unpaid(refusal: Refusal) -> ApiError:
    headers = {"retry-after": wait} if (wait := refusal.retry_after) else {}
    if refusal.limit is Limit.BOOKS:
        return ApiError(503, refusal.message, code="books_unreachable", headers=headers)
    return ApiError(
        429, refusal.message, code="budget_spent", details={"limit": refusal.limit}, headers=headers
    )


def _sooner(here: ApiError, beyond: ApiError) -> ApiError:
    """The one after which asking again may help first: a slot here is often free before there is money."""
    dated = [each for each in (here, beyond) if "retry-after" in each.headers]
    return min(dated, key=lambda each: int(each.headers["retry-after"]), default=beyond)


def _waited_too_long() -> ApiError:
    return ApiError(503, "The request waited too long for a backend.", code="queue_timeout")
