"""What the gateway says of itself."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import CONTENT_TYPE_LATEST

from kanoa_mlops.gateway import routes
from kanoa_mlops.gateway.answering import Handler
from kanoa_mlops.gateway.backends import Backends
from kanoa_mlops.gateway.choice import find
from kanoa_mlops.gateway.dispatcher import Dispatcher
from kanoa_mlops.gateway.exchange import Exchange
from kanoa_mlops.gateway.health import health
from kanoa_mlops.gateway.http.request import Request
from kanoa_mlops.gateway.http.response import Answer, Response, json_response
from kanoa_mlops.gateway.metrics import Metrics
from kanoa_mlops.gateway.models import model_list, model_object
from kanoa_mlops.gateway.openapi import described
from kanoa_mlops.gateway.snapshot import report


@dataclass(frozen=True)
class About:
    backends: Backends
    dispatcher: Dispatcher
    metrics: Metrics
    version: str
    reads: bool
    created: int

    def handlers(self) -> dict[tuple[str, str], Handler]:
        return {
            ("GET", routes.ROOT): self.root,
            ("GET", routes.HEALTH): self.health,
            ("GET", routes.STATUS): self.status,
            ("GET", routes.METRICS): self.scrape,
            ("GET", routes.OPENAPI): self.described,
            ("GET", routes.MODELS): self.models,
            ("GET", routes.MODEL): self.model,
        }

    async def root(self, request: Request, exchange: Exchange) -> Answer:
        names = [backend.model for backend in self.backends.models()]
        body = {
            "name": "kanoa-mlops",
            "version": self.version,
            "what": "An OpenAI-compatible endpoint. Use this address with /v1 as the base URL of a client.",
            "description": routes.OPENAPI,
            "models": names,
            "routes": routes.LISTED,
        }
        return json_response(body)

    async def health(self, request: Request, exchange: Exchange) -> Answer:
        status, body = health(self.backends.models(), self.version)
        return json_response(body, status)

    async def status(self, request: Request, exchange: Exchange) -> Answer:
        return json_response(report(self.dispatcher.snapshot()))

    async def scrape(self, request: Request, exchange: Exchange) -> Answer:
        body = self.metrics.expose(self.dispatcher.snapshot())
        return Response(200, body, {"content-type": CONTENT_TYPE_LATEST})

    async def described(self, request: Request, exchange: Exchange) -> Answer:
        return json_response(described(self.version))

    async def models(self, request: Request, exchange: Exchange) -> Answer:
        return json_response(model_list(self.backends.models(), created=self.created, reads=self.reads))

    async def model(self, request: Request, exchange: Exchange) -> Answer:
        backend = find(request.name, self.backends)
        about = model_object(backend, self.backends.models(), created=self.created, reads=self.reads)
        return json_response(about)
