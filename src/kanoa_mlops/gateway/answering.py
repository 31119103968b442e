"""Around every request: who may ask, and how whatever goes wrong is told, logged and counted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.exchange import CLIENT_LEFT, Exchange, log_line, request_id
from kanoa_mlops.gateway.hosts import host_allowed, origin_allowed
from kanoa_mlops.gateway.inflight import ClientLeft, InFlight, Patience, stopping
from kanoa_mlops.gateway.metrics import Metrics
from kanoa_mlops.gateway.routes import LISTED, PROBES, label

EXCHANGE = web.RequestKey("exchange", Exchange)

_LAST_EVENT_SECONDS = 5.0  # for a client to take the event that says what went wrong
_log = logging.getLogger("kanoa_mlops.gateway")


def answering(in_flight: InFlight, metrics: Metrics) -> Middleware:
    """The outermost layer: an exchange for each request, and an answer whatever happens."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get("x-request-id", "")
        exchange = Exchange(request_id(given), request.method, label(request), Patience())
        request[EXCHANGE] = exchange
        try:
            response = await _respond(request, exchange, handler, in_flight)
            exchange.status = exchange.status or response.status
            return response
        except asyncio.CancelledError:
            exchange.status = CLIENT_LEFT
            raise
        finally:
            metrics.ended(exchange)
            _log.log(logging.DEBUG if exchange.route in PROBES else logging.INFO, "%s", log_line(exchange))

    return middleware


def guarding(allowed_hosts: Collection[str] | None) -> Middleware:
    """Refuses what a web page elsewhere could send here; None lets every host in."""
    allowed = None if allowed_hosts is None else frozenset(host.lower() for host in allowed_hosts)

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if allowed is not None:
            _check(request, allowed)
        return await handler(request)

    return middleware


async def _respond(
    request: web.Request, exchange: Exchange, handler: Handler, in_flight: InFlight
) -> web.StreamResponse:
    try:
        if in_flight.stopping:
            raise stopping()
        async with in_flight.running(exchange.patience):
            return await handler(request)
    except ClientLeft:
        exchange.status = CLIENT_LEFT
        return exchange.stream or web.Response(status=CLIENT_LEFT)
    except Exception as problem:  # the outermost edge: nothing passes it but an answer
        error = _as_api_error(problem, exchange)
        exchange.fail(error)
        return await _tell(request, exchange, error)


def _as_api_error(problem: Exception, exchange: Exchange) -> ApiError:
    if isinstance(problem, ApiError):
        return problem
    if isinstance(problem, TimeoutError):
        return exchange.patience.late
    if isinstance(problem, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(problem.allowed_methods))
        return ApiError(
            405,
            f"{exchange.method} is not taken here; use {allowed}.",
            code="method_not_allowed",
            headers={"allow": allowed},
        )
    if isinstance(problem, web.HTTPNotFound):
        return ApiError(404, f"There is nothing here. What there is: {'; '.join(LISTED)}.", code="not_found")
    _log.error("unexpected failure id=%s route=%s", exchange.request_id, exchange.route, exc_info=problem)
    return ApiError(
        500,
        f"The gateway failed on this request. Its log has the reason under {exchange.request_id}.",
        code="internal_error",
    )


async def _tell(request: web.Request, exchange: Exchange, error: ApiError) -> web.StreamResponse:
    """As an HTTP error where nothing was sent yet, else as the stream's last event."""
    if exchange.stream is None:
        return error.response()
    try:
        async with asyncio.timeout(_LAST_EVENT_SECONDS):
            await exchange.stream.write(error.event())
            await exchange.stream.write_eof()
    except (TimeoutError, ConnectionError):
        if request.transport is not None:
            request.transport.abort()
    return exchange.stream


def _check(request: web.Request, allowed: Collection[str]) -> None:
    host, origin = request.headers.get("host"), request.headers.get("origin")
    if host is not None and not host_allowed(host, allowed):
        raise _foreign("Host", "names another machine")
    if origin is not None and not origin_allowed(origin, allowed):
        raise _foreign("Origin", "is a web page elsewhere")


def _foreign(header: str, what: str) -> ApiError:
    return ApiError(
        403,
        f"This gateway listens to this machine only, and the request's {header} header {what}. "
        "Use http://127.0.0.1 or http://localhost, or allow the name when starting the server.",
        code="host_not_allowed",
        param=header.lower(),
    )
