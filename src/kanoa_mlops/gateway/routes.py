"""The paths the gateway answers, and the names they have in logs and metrics."""

from __future__ import annotations

from collections.abc import Sequence

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

# OpenAI's files and vector stores
FILES = "/v1/files"
FILE = "/v1/files/{file_id}"
FILE_CONTENT = "/v1/files/{file_id}/content"
STORES = "/v1/vector_stores"
STORE = "/v1/vector_stores/{vector_store_id}"
STORE_SEARCH = "/v1/vector_stores/{vector_store_id}/search"
STORE_FILES = "/v1/vector_stores/{vector_store_id}/files"
STORE_FILE = "/v1/vector_stores/{vector_store_id}/files/{file_id}"
STORE_FILE_CONTENT = "/v1/vector_stores/{vector_store_id}/files/{file_id}/content"
BATCHES = "/v1/vector_stores/{vector_store_id}/file_batches"
BATCH = "/v1/vector_stores/{vector_store_id}/file_batches/{batch_id}"
BATCH_CANCEL = "/v1/vector_stores/{vector_store_id}/file_batches/{batch_id}/cancel"
BATCH_FILES = "/v1/vector_stores/{vector_store_id}/file_batches/{batch_id}/files"
LIBRARY = (
    ("POST", FILES),
    ("GET", FILES),
    ("GET", FILE),
    ("DELETE", FILE),
    ("GET", FILE_CONTENT),
    ("POST", STORES),
    ("GET", STORES),
    ("GET", STORE),
    ("POST", STORE),
    ("DELETE", STORE),
    ("POST", STORE_SEARCH),
    ("POST", STORE_FILES),
    ("GET", STORE_FILES),
    ("GET", STORE_FILE),
    ("POST", STORE_FILE),
    ("DELETE", STORE_FILE),
    ("GET", STORE_FILE_CONTENT),
    ("POST", BATCHES),
    ("GET", BATCH),
    ("POST", BATCH_CANCEL),
    ("GET", BATCH_FILES),
)

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
SURFACES = (
    *[("POST", path) for path in (*TRANSLATED, OLLAMA_SHOW)],
    *[("GET", path) for path in _OLLAMAS_GETS],
    *OLLAMA_REFUSED,
)
"""Of other APIs than OpenAI's chat, by method."""
_AS_THEY_ARE = {
    *PROBES,
    OPENAPI,
    *(path for path in TRANSLATED if path != RESPONSES),
    *_OLLAMAS_GETS,
    OLLAMA_SHOW,
    *(path for _, path in OLLAMA_REFUSED),
}
_WITH_OR_WITHOUT = {*PASSED_ON, RESPONSES, MODELS}

_SHAPES = [tuple(path.split("/")[2:]) for path in dict.fromkeys(path for _, path in LIBRARY)]
_SHELVED = {shape[0] for shape in _SHAPES}

LISTED = tuple(
    [f"POST {path}" for path in (*PASSED_ON, *TRANSLATED, OLLAMA_SHOW)]
    + [f"{method} {path}" for method, path in LIBRARY]
    + [f"GET {path}" for path in (MODELS, MODEL, *_OLLAMAS_GETS, HEALTH, STATUS, METRICS, OPENAPI, ROOT)]
)


def known(path: str) -> tuple[str, str]:
    """The route that a path is of, with or without `/v1`, and the name in it; ('other', '') for what is none.

    Where there are several names in it, slashes are between them. Clients are told a base address with `/v1`,
    and people forget it.
    """
    if path in _AS_THEY_ARE:
        return path, ""
    full = path if path.startswith("/v1/") else f"/v1{path}"
    if full in _WITH_OR_WITHOUT:
        return full, ""
    name = full.removeprefix(_MODEL)
    if name and name != full:
        return MODEL, name
    return _of_the_library(full.split("/")[2:])


def _of_the_library(words: Sequence[str]) -> tuple[str, str]:
    if words[0] in _SHELVED and all(words):
        for shape in _SHAPES:
            if len(shape) == len(words) and all(
                a == b or a[0] == "{" for a, b in zip(shape, words, strict=True)
            ):
                names = [word for step, word in zip(shape, words, strict=True) if step[0] == "{"]
                return f"/v1/{'/'.join(shape)}", "/".join(names)
    return "other", ""
