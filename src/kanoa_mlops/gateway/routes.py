"""The paths the gateway answers, and the names they have in logs and metrics."""

from __future__ import annotations

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
EMBEDDINGS = "/v1/embeddings"
MODELS = "/v1/models"
MODEL = "/v1/models/{name}"  # names contain slashes
HEALTH = "/health"
STATUS = "/status"
METRICS = "/metrics"
ROOT = "/"

PASSED_ON = (CHAT, COMPLETIONS, EMBEDDINGS)
STREAMED = (CHAT, COMPLETIONS)
PROBES = (HEALTH, STATUS, METRICS, ROOT)  # asked again and again by machines; not worth a line in the log

_MODEL = MODEL.removesuffix("{name}")

LISTED = tuple(
    [f"POST {path}" for path in PASSED_ON]
    + [f"GET {path}" for path in (MODELS, MODEL, HEALTH, STATUS, METRICS, ROOT)]
)


def known(path: str) -> tuple[str, str]:
    """The route that a path is of, with or without `/v1`, and the name in it; ('other', '') for what is none.

    Clients are told a base address with `/v1`, and people forget it.
    """
    if path in PROBES:
        return path, ""
    full = path if path.startswith("/v1/") else f"/v1{path}"
    if full in (*PASSED_ON, MODELS):
        return full, ""
    name = full.removeprefix(_MODEL)
    return (MODEL, name) if name and name != full else ("other", "")
