"""Ollama's routes: those a model answers, those about the models, and those that are refused."""

from __future__ import annotations

from dataclasses import dataclass

from kanoa_mlops.gateway import routes
from kanoa_mlops.gateway.answering import Handler
from kanoa_mlops.gateway.backends import Backends
from kanoa_mlops.gateway.body import read_body
from kanoa_mlops.gateway.choice import find
from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.exchange import Exchange
from kanoa_mlops.gateway.http.request import Request
from kanoa_mlops.gateway.http.response import Answer, json_response
from kanoa_mlops.gateway.surfaces.given import read
from kanoa_mlops.gateway.surfaces.ollama import models, translators
from kanoa_mlops.gateway.surfaces.ollama.request import ShowRequest, served_name
from kanoa_mlops.gateway.surfaces.surface import Surface, Translator

_LONGEST_NAME = 64 * 1024  # bytes of a body that only names a model
_ARRIVES_SECONDS = 30.0

_ANSWERED: dict[str, tuple[str, Translator]] = {
    routes.OLLAMA_CHAT: (routes.CHAT, translators.chat),
    routes.OLLAMA_GENERATE: (routes.CHAT, translators.generate),
    routes.OLLAMA_EMBED: (routes.EMBEDDINGS, translators.embed),
    routes.OLLAMA_EMBEDDINGS: (routes.EMBEDDINGS, translators.embeddings),
}


@dataclass(frozen=True)
class OllamaDoor:
    backends: Backends
    version: str
    created: int
    """When the gateway began, in seconds since 1970."""
    reads: bool
    """Figures are read for models that cannot see."""

    def handlers(self, ordinary: Handler, max_body_bytes: int) -> dict[tuple[str, str], Handler]:
        """`ordinary` answers the gateway's own routes."""
        answered: dict[tuple[str, str], Handler] = {
            ("POST", route): Surface(own, translator, ordinary, max_body_bytes).answer
            for route, (own, translator) in _ANSWERED.items()
        }
        refused: dict[tuple[str, str], Handler] = dict.fromkeys(routes.OLLAMA_REFUSED, _refuse)
        about: dict[tuple[str, str], Handler] = {
            ("GET", routes.OLLAMA_TAGS): self.tags,
            ("GET", routes.OLLAMA_PS): self.running,
            ("GET", routes.OLLAMA_VERSION): self.spoken,
            ("POST", routes.OLLAMA_SHOW): self.show,
        }
        return answered | about | refused

    async def tags(self, request: Request, exchange: Exchange) -> Answer:
        return json_response(models.tags(self.backends.models(), created=self.created))

    async def running(self, request: Request, exchange: Exchange) -> Answer:
        return json_response(models.running(self.backends.models()))

    async def spoken(self, request: Request, exchange: Exchange) -> Answer:
        return json_response({"version": models.SPOKEN, "kanoa-mlops": self.version})

    async def show(self, request: Request, exchange: Exchange) -> Answer:
        exchange.patience.allow(_ARRIVES_SECONDS, _slow)
        asked = read(ShowRequest, await read_body(request, _LONGEST_NAME, exchange.patience))
        backend = find(served_name(asked.model or asked.name).get("model"), self.backends)
        about = models.shown(backend, self.backends.models(), created=self.created, reads=self.reads)
        return json_response(about)


async def _refuse(request: Request, exchange: Exchange) -> Answer:
    raise ApiError(
        501,
        "Models are not fetched, made or removed by requests here. The gateway's owner serves one: "
        "`kanoa-mlops serve MODEL`.",
        code="not_supported",
        headers={"x-should-retry": "false"},
    )


def _slow() -> ApiError:
    return ApiError(408, f"The request did not arrive within {_ARRIVES_SECONDS:g} s.", code="request_stalled")
