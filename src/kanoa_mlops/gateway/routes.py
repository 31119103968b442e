"""The paths the gateway answers, and the names they have in logs and metrics."""

from __future__ import annotations

from aiohttp import web

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
EMBEDDINGS = "/v1/embeddings"
MODELS = "/v1/models"
MODEL = "/v1/models/{name:.+}"  # names contain slashes
HEALTH = "/health"
METRICS = "/metrics"
ROOT = "/"

PASSED_ON = (CHAT, COMPLETIONS, EMBEDDINGS)
PROBES = (HEALTH, METRICS, ROOT)  # asked again and again by machines; not worth a line in the log

LISTED = tuple(
    [f"POST {path}" for path in PASSED_ON]
    + [f"GET {path}" for path in (MODELS, "/v1/models/{name}", HEALTH, METRICS, ROOT)]
)


def both(path: str) -> tuple[str, ...]:
    """The path with and without `/v1`: clients are told a base address with it, and people forget it."""
    return path, path.removeprefix("/v1")


def label(request: web.Request) -> str:
    """The route of a request as one of the above; 'other' for whatever a client makes up."""
    resource = request.match_info.route.resource
    if resource is None:
        return "other"
    path = resource.canonical
    if path.startswith("/models/") or path.startswith("/v1/models/"):
        return "/v1/models/{name}"
    return path if path in PROBES or path.startswith("/v1/") else f"/v1{path}"
