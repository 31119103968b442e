"""Around every request: who may ask, and how whatever goes wrong is told, logged and counted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass

from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.exchange import CLIENT_LEFT, Exchange, log_line, request_id
from kanoa_mlops.gateway.hosts import host_allowed, origin_allowed
from kanoa_mlops.gateway.http.request import PIECE, ClientLeft, Receive, Request, Scope
from kanoa_mlops.gateway.http.response import Answer, Response, Send
from kanoa_mlops.gateway.inflight import InFlight, Patience, client_stalled, stopping
from kanoa_mlops.gateway.routes import LISTED, PROBES, known
from kanoa_mlops.gateway.trace import Traces
from kanoa_mlops.nearest import nearest_names

Handler = Callable[[Request, Exchange], Awaitable[Answer]]

_LAST_WORDS_SECONDS = 5.0  # for a client to take what says what went wrong
_LONGEST_PATH = 100  # characters that are compared with what there is
_log = logging.getLogger("kanoa_mlops.gateway")


@dataclass(frozen=True)
class Answering:
    """An ASGI application: an exchange for each request, and an answer whatever happens."""

    handlers: Mapping[tuple[str, str], Handler]
    """By method and route."""
    in_flight: InFlight
    ended: Callable[[Exchange], None]
    """Is told of each request when all of it is known."""
    allowed_hosts: frozenset[str] | None
    """In lower case, beside the loopback ones; None lets every host in."""
    traces: Traces | None = None
    idle_seconds: float = 120.0
    """For a client to take the next piece of a large answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        route, request.name = known(request.path)
        given = request.headers.get("x-request-id", "")
        exchange = Exchange(request_id(given), request.method, route, Patience())
        if self.traces:
            exchange.trace = self.traces.begin(request.headers)
        try:
            await self._answer(request, exchange)
        except asyncio.CancelledError:
            exchange.status = CLIENT_LEFT
            raise
        finally:
            self.ended(exchange)
            level = logging.DEBUG if exchange.route in PROBES else logging.INFO
            if _log.isEnabledFor(level):
                _log.log(level, "%s", log_line(exchange))

    async def _answer(self, request: Request, exchange: Exchange) -> None:
        try:
            if self.in_flight.stopping:
                raise stopping()
            async with self.in_flight.running(exchange.patience):
                answer = await self._handler(request, exchange)(request, exchange)
                exchange.status = exchange.status or answer.status
                if isinstance(answer, Response):
                    await self._give(request, exchange, answer)
        except ClientLeft:
            exchange.status = CLIENT_LEFT
        except Exception as problem:  # the outermost edge: nothing passes it but an answer
            error = _as_api_error(problem, exchange)
            exchange.fail(error)
            await _tell(request, exchange, error)

    async def _give(self, request: Request, exchange: Exchange, answer: Response) -> None:
        if len(answer.body) <= PIECE:
            return await request.answer(answer, exchange.headers)
        exchange.patience.allow(self.idle_seconds, client_stalled)
        try:
            await request.answer_slowly(answer, exchange.headers, exchange.patience.renew)
        except BaseException:
            request.abort()  # whatever is told now would be taken for the rest of the answer
            raise

    def _handler(self, request: Request, exchange: Exchange) -> Handler:
        if self.allowed_hosts is not None:
            _check(request, self.allowed_hosts)
        method = "GET" if request.method == "HEAD" else request.method
        if handler := self.handlers.get((method, exchange.route)):
            return handler
        taken = sorted(each for each, route in self.handlers if route == exchange.route)
        raise _wrong_method(request.method, taken) if taken else _nothing_here(method, request.path)


async def _tell(request: Request, exchange: Exchange, error: ApiError) -> None:
    """As an HTTP error where nothing was sent yet, else as the stream's last event."""
    try:
        async with asyncio.timeout(_LAST_WORDS_SECONDS):
            if exchange.stream is None:
                await request.answer(error.response(), exchange.headers)
            else:
                await exchange.stream.write(error.event())
                await exchange.stream.finish()
    except TimeoutError:
        request.abort()


def _as_api_error(problem: Exception, exchange: Exchange) -> ApiError:
    if isinstance(problem, ApiError):
        return problem
    if isinstance(problem, TimeoutError):
        return exchange.patience.late
    _log.error("unexpected failure id=%s route=%s", exchange.request_id, exchange.route, exc_info=problem)
    return ApiError(
        500,
        f"The gateway failed on this request. Its log has the reason under {exchange.request_id}.",
        code="internal_error",
    )


def _wrong_method(method: str, taken: Collection[str]) -> ApiError:
    allowed = ", ".join(taken)
    return ApiError(
        405,
        f"{method} is not taken here; use {allowed}.",
        code="method_not_allowed",
        headers={"allow": allowed},
    )


def _nothing_here(method: str, path: str) -> ApiError:
    own_last = sorted(LISTED, key=lambda each: each.startswith(f"{method} "))
    listed = {_end(each.partition(" ")[2]): each for each in own_last}
    near = nearest_names(_end(path[:_LONGEST_PATH]), listed)
    meant = f" Did you mean {listed[near[0]]}?" if near else ""
    return ApiError(404, f"There is nothing here.{meant} GET / lists what there is.", code="not_found")


def _end(path: str) -> str:
    """Without what nearly all begin with, by which any two would be alike."""
    return path.removeprefix("/v1").removeprefix("/")


def _check(request: Request, allowed: frozenset[str]) -> None:
    """Refuses what a web page elsewhere could send here."""
    host, origin = request.headers.get("host"), request.headers.get("origin")
    if host is not None and not host_allowed(host, allowed):
        raise _foreign("Host", "names another machine")
    if origin is not None and not origin_allowed(origin, allowed):
        raise _foreign("Origin", "is a web page elsewhere")


def _foreign(header: str, what: str) -> ApiError:
    return ApiError(
        403,
        f"This gateway listens to this machine only, and the request's {header} header {what}. "
        "Use http://127.0.0.1 or http://localhost. Its owner lets other machines in with --host and keys.",
        code="host_not_allowed",
        param=header.lower(),
    )
