"""The gateway as an aiohttp application, made from its collaborators."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CONTENT_TYPE_LATEST

from kanoa_mlops.gateway import routes
from kanoa_mlops.gateway.answering import EXCHANGE, answering, guarding
from kanoa_mlops.gateway.backends import Backend, Backends
from kanoa_mlops.gateway.body import Asked, parse_body, read_body
from kanoa_mlops.gateway.choice import choose, find
from kanoa_mlops.gateway.describe import Describer
from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.exchange import Exchange
from kanoa_mlops.gateway.figures import FigureDesk, FigureReader, parse_wish
from kanoa_mlops.gateway.forward import Forwarder
from kanoa_mlops.gateway.health import health
from kanoa_mlops.gateway.holding import Holding, Loader
from kanoa_mlops.gateway.inflight import InFlight
from kanoa_mlops.gateway.limits import Limits
from kanoa_mlops.gateway.metrics import Metrics
from kanoa_mlops.gateway.models import model_list, model_object
from kanoa_mlops.gateway.prepare import Prepared, prepare
from kanoa_mlops.gateway.upstream import make_session

IN_FLIGHT = web.AppKey("in_flight", InFlight)
_FORWARDER = web.AppKey("forwarder", Forwarder)
_DESK = web.AppKey("desk", FigureDesk)
_DESCRIPTION_BYTES = 4 * 1024**2  # remembered; some thousand descriptions


def make_app(
    backends: Backends,
    *,
    figures: FigureReader | None,
    max_body_bytes: int,
    version: str,
    allowed_hosts: Collection[str] | None = (),
    allow_remote_images: bool = False,
    loader: Loader | None = None,
    max_images: int = 8,
    first_byte_seconds: float = 600.0,
    idle_seconds: float = 120.0,
    silent_seconds: float = 3.0,
    heartbeat_seconds: float = 10.0,
    describing_seconds: float = 300.0,
) -> web.Application:
    """The front door for `backends`, which may change while it runs.

    `allowed_hosts` are names beside the loopback ones that a request's Host may have; None takes any, for a
    gateway that is meant to be reached from elsewhere. `allow_remote_images` lets engines that see fetch
    addresses out of requests. `loader` loads the models that are on demand; without one there may be none.
    """
    limits = Limits(
        max_body_bytes,
        max_images,
        first_byte_seconds,
        idle_seconds,
        silent_seconds=silent_seconds,
        heartbeat_seconds=heartbeat_seconds,
        describing_seconds=describing_seconds,
    )
    metrics, in_flight = Metrics(), InFlight()

    def make_desk(session: aiohttp.ClientSession) -> FigureDesk:
        describer = Describer(
            session,
            backends,
            loader,
            seconds=describing_seconds,
            max_bytes=_DESCRIPTION_BYTES,
            observe=metrics.figure_described,
        )
        return FigureDesk(backends, figures, describer, max_images, allow_remote_images, metrics.figure_read)

    app = web.Application(middlewares=[answering(in_flight, metrics), guarding(allowed_hosts)])
    app[IN_FLIGHT] = in_flight
    app.cleanup_ctx.append(_forwarding(limits, version, make_desk))
    app.on_response_prepare.append(_add_headers)
    holding = Holding(loader, backends, limits) if loader is not None else None
    passage = Passage(backends, limits, metrics, holding)
    for path in routes.PASSED_ON:
        for each in routes.both(path):
            app.router.add_post(each, passage.pass_on, expect_handler=_expect(max_body_bytes))
    about = About(backends, metrics, version, reads=figures is not None, created=int(time.time()))
    for path, handler in about.handlers().items():
        for each in dict.fromkeys(routes.both(path)):
            app.router.add_get(each, handler)
    return app


@dataclass(frozen=True)
class Passage:
    """The way of a request to an engine: choose, prepare, have it loaded, forward."""

    backends: Backends
    limits: Limits
    metrics: Metrics
    holding: Holding | None

    async def pass_on(self, request: web.Request) -> web.StreamResponse:
        exchange = request[EXCHANGE]
        chat = exchange.route == routes.CHAT
        exchange.patience.allow(self.limits.idle_seconds, _slow_upload(self.limits))
        asked = parse_body(await read_body(request, self.limits.max_body_bytes, exchange.patience), chat=chat)
        backend = choose(asked.model, self.backends)
        exchange.backend = backend
        self.metrics.started(exchange)
        exchange.patience.allow(self.limits.figures_seconds, _slow_figures(self.limits))
        prepared = await self._prepare(request, asked, backend)
        exchange.figures = prepared.figures

        async def forward(to: Backend) -> web.StreamResponse:
            exchange.backend = to
            return await request.app[_FORWARDER].forward(request, exchange, asked, to, prepared.body)

        if backend.on_demand and self.holding:
            # Prepared before: a request that holds one model must never wait for another.
            return await self.holding.send(request, exchange, asked, backend, forward)
        return await forward(backend)

    async def _prepare(self, request: web.Request, asked: Asked, backend: Backend) -> Prepared:
        if "messages" in asked.fields:
            wish = parse_wish(request.headers.get("x-kanoa-figure", ""))
            return await request.app[_DESK].prepare(asked, backend, wish, request[EXCHANGE].request_id)
        return prepare(asked, backend)


@dataclass(frozen=True)
class About:
    """What the gateway says of itself."""

    backends: Backends
    metrics: Metrics
    version: str
    reads: bool
    created: int

    def handlers(self) -> dict[str, Handler]:
        return {
            routes.ROOT: self.root,
            routes.HEALTH: self.health,
            routes.METRICS: self.scrape,
            routes.MODELS: self.models,
            routes.MODEL: self.model,
        }

    async def root(self, request: web.Request) -> web.Response:
        names = [backend.model for backend in self.backends.all()]
        body = {
            "name": "kanoa-mlops",
            "version": self.version,
            "what": "An OpenAI-compatible endpoint. Use this address with /v1 as the base URL of a client.",
            "models": names,
            "routes": routes.LISTED,
        }
        return web.json_response(body)

    async def health(self, request: web.Request) -> web.Response:
        status, body = health(self.backends.all(), self.version)
        return web.json_response(body, status=status)

    async def scrape(self, request: web.Request) -> web.Response:
        body = self.metrics.expose(self.backends.all())
        return web.Response(body=body, headers={"content-type": CONTENT_TYPE_LATEST})

    async def models(self, request: web.Request) -> web.Response:
        return web.json_response(model_list(self.backends.all(), created=self.created, reads=self.reads))

    async def model(self, request: web.Request) -> web.Response:
        backend = find(request.match_info["name"], self.backends)
        about = model_object(backend, self.backends.all(), created=self.created, reads=self.reads)
        return web.json_response(about)


def _forwarding(
    limits: Limits, version: str, make_desk: Callable[[aiohttp.ClientSession], FigureDesk]
) -> Callable[[web.Application], AsyncIterator[None]]:
    async def context(app: web.Application) -> AsyncIterator[None]:
        async with make_session(version) as session:
            app[_FORWARDER], app[_DESK] = Forwarder(session, limits), make_desk(session)
            yield

    return context


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    exchange: Exchange | None = request.get(EXCHANGE)
    if exchange is not None:
        response.headers.update(exchange.headers)


def _expect(max_body_bytes: int) -> Callable[[web.Request], Awaitable[None]]:
    """`100-continue` only for a body that will be taken, so that a large one is refused before it is sent."""

    async def answer(request: web.Request) -> None:
        if (request.content_length or 0) <= max_body_bytes and request.transport is not None:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    return answer


def _slow_upload(limits: Limits) -> ApiError:
    return ApiError(
        408, f"The request stopped arriving for {limits.idle_seconds:g} s.", code="request_stalled"
    )


def _slow_figures(limits: Limits) -> ApiError:
    return ApiError(
        504,
        f"The request's figures were not read within {limits.figures_seconds:g} s.",
        code="figure_timeout",
    )
