"""What a request is by OpenTelemetry's names for generative AI."""

from __future__ import annotations

from kanoa_mlops.gateway import routes
from kanoa_mlops.gateway.backends import Backend
from kanoa_mlops.gateway.counters.dialect import engine_name
from kanoa_mlops.gateway.exchange import CLIENT_LEFT, Exchange
from kanoa_mlops.gateway.gen_ai import Operated, Operation
from kanoa_mlops.gateway.trace import failure_of

_OPERATIONS: dict[str, Operation] = {
    routes.CHAT: "chat",
    routes.RESPONSES: "chat",
    routes.OLLAMA_CHAT: "chat",
    routes.COMPLETIONS: "text_completion",
    routes.OLLAMA_GENERATE: "text_completion",
    routes.EMBEDDINGS: "embeddings",
    routes.OLLAMA_EMBED: "embeddings",
    routes.OLLAMA_EMBEDDINGS: "embeddings",
}


def operation_of(route: str) -> Operation | None:
    """None where the conventions have no name for it."""
    return _OPERATIONS.get(route)


def operated(operation: Operation, backend: Backend) -> Operated:
    return Operated(operation, engine_name(backend.engine), backend.model, backend.engine_model)


def error_type(exchange: Exchange) -> str:
    """Of few values; empty for a success."""
    if exchange.error:
        return failure_of(exchange.error)
    return "client_left" if exchange.status == CLIENT_LEFT else ""
