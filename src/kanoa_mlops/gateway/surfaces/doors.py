"""All routes of other APIs, to be joined to the gateway's own."""

from __future__ import annotations

from kanoa_mlops.gateway import routes
from kanoa_mlops.gateway.answering import Handler
from kanoa_mlops.gateway.backends import Backends
from kanoa_mlops.gateway.once import Handlers, Once, handlers_once


def surfaces(
    ordinary: Handler,
    backends: Backends,
    *,
    max_body_bytes: int,
    version: str,
    created: int,
    reads: bool,
) -> Handlers:
    """Handlers by method and route.

    `ordinary` is what answers the gateway's own routes; `version` is the gateway's, `created` when it began,
    in seconds since 1970, and `reads` whether figures are read for models that cannot see.
    """

    def load() -> Handlers:
        # Each API has its own words, and whoever speaks OpenAI's chat needs none of them.
        from kanoa_mlops.gateway.surfaces.ollama.door import OllamaDoor
        from kanoa_mlops.gateway.surfaces.responses.translator import responses
        from kanoa_mlops.gateway.surfaces.surface import Surface

        ollama = OllamaDoor(backends, version, created, reads).handlers(ordinary, max_body_bytes)
        surface = Surface(routes.CHAT, responses, ordinary, max_body_bytes)
        return {**ollama, ("POST", routes.RESPONSES): surface.answer}

    return handlers_once(routes.SURFACES, Once(load).get)
