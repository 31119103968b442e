"""The gateway, made from its collaborators."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

from prometheus_client import CONTENT_TYPE_LATEST

from kanoa_mlops.gateway import routes
from kanoa_mlops.gateway.answering import Answering, Handler
from kanoa_mlops.gateway.backends import Backend, Backends
from kanoa_mlops.gateway.body import Asked, parse_body, read_body
from kanoa_mlops.gateway.choice import choose, find
from kanoa_mlops.gateway.describe import Describer
from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.exchange import Exchange
from kanoa_mlops.gateway.figures import FigureDesk, FigureReader, parse_wish
from kanoa_mlops.gateway.forward import Forwarder
from kanoa_mlops.gateway.guest import Guest
from kanoa_mlops.gateway.health import health
from kanoa_mlops.gateway.holding import Holding, Loader
from kanoa_mlops.gateway.http.client import Client
from kanoa_mlops.gateway.http.request import Request
from kanoa_mlops.gateway.http.response import Answer, Response, json_response
from kanoa_mlops.gateway.inflight import InFlight
from kanoa_mlops.gateway.limits import Limits
from kanoa_mlops.gateway.metrics import Metrics
from kanoa_mlops.gateway.models import model_list, model_object
from kanoa_mlops.gateway.prepare import Prepared, prepare
from kanoa_mlops.gateway.reception import Reception
from kanoa_mlops.gateway.surfaces.doors import surfaces
from kanoa_mlops.gateway.surfaces.ollama.errors import AnsweringOllamaToo

_DESCRIPTION_BYTES = 4 * 1024**2  # remembered; some thousand descriptions


@dataclass(frozen=True)
class App:
    """The gateway, to be put on a port."""

    handle: Answering
    """An ASGI application."""
    in_flight: InFlight
    _client: Client

    def close(self) -> None:
        """Once nothing is in flight any more."""
        self._client.close()


def make_app(
    backends: Backends,
    *,
    figures: FigureReader | None,
    max_body_bytes: int,
    version: str,
    allowed_hosts: Collection[str] | None = (),
    allow_remote_images: bool = False,
    reception: Reception | None = None,
    loader: Loader | None = None,
    max_images: int = 8,
    first_byte_seconds: float = 600.0,
    idle_seconds: float = 120.0,
    silent_seconds: float = 3.0,
    heartbeat_seconds: float = 10.0,
    describing_seconds: float = 300.0,
) -> App:
    """The front door for `backends`, which may change while it runs.

    `allowed_hosts` are names beside the loopback ones that a request's Host may have; None takes any, for a
    gateway that is meant to be reached from elsewhere. `allow_remote_images` lets engines that see fetch
    addresses out of requests. `reception` asks for keys and keeps the books; without one everybody comes in,
    and nothing is booked. `loader` loads the models that are on demand; without one there may be none.
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
    metrics, in_flight, client = Metrics(), InFlight(), Client(f"kanoa-mlops/{version}")
    describer = Describer(
        client,
        backends,
        loader,
        seconds=describing_seconds,
        max_bytes=_DESCRIPTION_BYTES,
        observe=metrics.figure_described,
    )
    passage = Passage(
        backends,
        limits,
        metrics,
        Forwarder(client, limits),
        FigureDesk(backends, figures, describer, max_images, allow_remote_images, metrics.figure_read),
        Holding(loader, backends, limits) if loader is not None else None,
        reception,
    )
    about = About(backends, metrics, version, reads=figures is not None, created=int(time.time()))
    handlers = {("POST", route): passage.pass_on for route in routes.PASSED_ON} | about.handlers()
    handlers |= surfaces(
        passage.pass_on,
        backends,
        max_body_bytes=max_body_bytes,
        version=version,
        created=about.created,
        reads=about.reads,
    )
    hosts = None if allowed_hosts is None else frozenset(host.lower() for host in allowed_hosts)

    def ended(exchange: Exchange) -> None:
        metrics.ended(exchange)
        if reception:
            reception.dismiss(exchange)

    return App(AnsweringOllamaToo(handlers, in_flight, ended, hosts), in_flight, client)


@dataclass(frozen=True)
class Passage:
    """The way of a request to an engine: choose, prepare, have it loaded, forward."""

    backends: Backends
    limits: Limits
    metrics: Metrics
    forwarder: Forwarder
    desk: FigureDesk
    holding: Holding | None
    reception: Reception | None

    async def pass_on(self, request: Request, exchange: Exchange) -> Answer:
        exchange.guest = guest = self.reception.admit(request.headers) if self.reception else Guest()
        chat = exchange.route == routes.CHAT
        exchange.patience.allow(self.limits.idle_seconds, partial(_slow_upload, self.limits))
        raw = await read_body(request, self.limits.max_body_bytes, exchange.patience)
        async with request.staying():
            return await self._answer(request, exchange, guest, parse_body(raw, chat=chat))

    async def _answer(self, request: Request, exchange: Exchange, guest: Guest, asked: Asked) -> Answer:
        backend = choose(asked.model, self.backends)
        guest.require(backend.model)
        exchange.backend = backend
        self.metrics.started(exchange)
        exchange.patience.allow(self.limits.figures_seconds, partial(_slow_figures, self.limits))
        prepared = await self._prepare(request, exchange, asked, backend)
        exchange.figures = prepared.figures

        async def forward(to: Backend) -> Answer:
            exchange.backend = to
            return await self.forwarder.forward(request, exchange, asked, to, prepared.body)

        if backend.on_demand and self.holding:
            # Prepared before: a request that holds one model must never wait for another.
            return await self.holding.send(request, exchange, asked, backend, forward)
        return await forward(backend)

    async def _prepare(
        self, request: Request, exchange: Exchange, asked: Asked, backend: Backend
    ) -> Prepared:
        if "messages" in asked.fields:
            wish = parse_wish(request.headers.get("x-kanoa-figure", ""))
            return await self.desk.prepare(asked, backend, wish, exchange.request_id)
        return prepare(asked, backend)


@dataclass(frozen=True)
class About:
    """What the gateway says of itself."""

    backends: Backends
    metrics: Metrics
    version: str
    reads: bool
    created: int

    def handlers(self) -> dict[tuple[str, str], Handler]:
        return {
            ("GET", routes.ROOT): self.root,
            ("GET", routes.HEALTH): self.health,
            ("GET", routes.METRICS): self.scrape,
            ("GET", routes.MODELS): self.models,
            ("GET", routes.MODEL): self.model,
        }

    async def root(self, request: Request, exchange: Exchange) -> Answer:
        names = [backend.model for backend in self.backends.all()]
        body = {
            "name": "kanoa-mlops",
            "version": self.version,
            "what": "An OpenAI-compatible endpoint. Use this address with /v1 as the base URL of a client.",
            "models": names,
            "routes": routes.LISTED,
        }
        return json_response(body)

    async def health(self, request: Request, exchange: Exchange) -> Answer:
        status, body = health(self.backends.all(), self.version)
        return json_response(body, status)

    async def scrape(self, request: Request, exchange: Exchange) -> Answer:
        return Response(200, self.metrics.expose(self.backends.all()), {"content-type": CONTENT_TYPE_LATEST})

    async def models(self, request: Request, exchange: Exchange) -> Answer:
        return json_response(model_list(self.backends.all(), created=self.created, reads=self.reads))

    async def model(self, request: Request, exchange: Exchange) -> Answer:
        backend = find(request.name, self.backends)
        about = model_object(backend, self.backends.all(), created=self.created, reads=self.reads)
        return json_response(about)


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
