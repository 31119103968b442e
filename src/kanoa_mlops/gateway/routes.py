"""The paths the gateway answers, and the names they have in logs and metrics."""

from __future__ import annotations

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
EMBEDDINGS = "/v1/embeddings"
RERANK = "/v1/rerank"
RESPONSES = "/v1/responses"
MODELS = "/v1/models"
MODEL = "/v1/models/{name}"  # names contain slashes
HEALTH = "/health"
STATUS = "/status"
METRICS = "/metrics"
OPENAPI = "/openapi.json"
ROOT = "/"

# Ollama's
OLLAMA_CHAT = "/api/chat"
OLLAMA_GENERATE = "/api/generate"
OLLAMA_EMBED = "/api/embed"
OLLAMA_EMBEDDINGS = "/api/embeddings"
OLLAMA_TAGS = "/api/tags"
OLLAMA_SHOW = "/api/show"
OLLAMA_PS = "/api/ps"
OLLAMA_VERSION = "/api/version"
OLLAMA_REFUSED = (
    ("POST", "/api/pull"),
    ("POST", "/api/push"),
    ("POST", "/api/create"),
    ("POST", "/api/copy"),
    ("DELETE", "/api/delete"),
)

PASSED_ON = (CHAT, COMPLETIONS, EMBEDDINGS, RERANK)
STREAMED = (CHAT, COMPLETIONS)
TRANSLATED = (RESPONSES, OLLAMA_CHAT, OLLAMA_GENERATE, OLLAMA_EMBED, OLLAMA_EMBEDDINGS)
"""Answered by a model, by way of one of those passed on."""
PROBES = (HEALTH, STATUS, METRICS, ROOT)  # asked again and again by machines; not worth a line in the log

_MODEL = MODEL.removesuffix("{name}")

_OLLAMAS_GETS = (OLLAMA_TAGS, OLLAMA_PS, OLLAMA_VERSION)
_AS_THEY_ARE = {
    *PROBES,
    OPENAPI,
    *(path for path in TRANSLATED if path != RESPONSES),
    *_OLLAMAS_GETS,
    OLLAMA_SHOW,
    *(path for _, path in OLLAMA_REFUSED),
}
_WITH_OR_WITHOUT = {*PASSED_ON, RESPONSES, MODELS}

LISTED = tuple(
    [f"POST {path}" for path in (*PASSED_ON, *TRANSLATED, OLLAMA_SHOW)]
    + [f"GET {path}" for path in (MODELS, MODEL, *_OLLAMAS_GETS, HEALTH, STATUS, METRICS, OPENAPI, ROOT)]
)


def known(path: str) -> tuple[str, str]:
    """The route that a path is of, with or without `/v1`, and the name in it; ('other', '') for what is none.

    Clients are told a base address with `/v1`, and people forget it.
    """
    if path in _AS_THEY_ARE:
        return path, ""
    full = path if path.startswith("/v1/") else f"/v1{path}"
    if full in _WITH_OR_WITHOUT:
        return full, ""
    name = full.removeprefix(_MODEL)
    return (MODEL, name) if name and name != full else ("other", "")
