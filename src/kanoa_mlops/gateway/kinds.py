"""What a model is for, and requests that ask another one for it."""

from __future__ import annotations

from kanoa_mlops.gateway import routes
from kanoa_mlops.gateway.backends import Backend, Backends, Kind
from kanoa_mlops.gateway.envelope import ApiError

KINDS: dict[str, Kind] = {
    routes.CHAT: "chat",
    routes.COMPLETIONS: "chat",
    routes.EMBEDDINGS: "embedding",
    routes.RERANK: "rerank",
}
"""By route, what a request wants."""
_DOES: dict[Kind, str] = {
    "chat": "writes",
    "embedding": "makes vectors of texts (/v1/embeddings)",
    "rerank": "ranks texts (/v1/rerank)",
}
_WANTED: dict[Kind, str] = {"chat": "writes", "embedding": "makes embeddings", "rerank": "reranks"}
_EXAMPLES: dict[Kind, str] = {
    "chat": "smollm2-135m-instruct",
    "embedding": "all-minilm-l6-v2",
    "rerank": "bge-reranker-v2-m3",
}


def require_kind(backend: Backend, wanted: Kind, backends: Backends) -> None:
    """
    Raises:
        ApiError: 400, the model is for something else; names whom to ask instead.
    """
    if backend.kind in (None, wanted):
        return
    assert backend.kind is not None
    able = [each for each in backends.models() if each.kind == wanted]
    if able:
        alias = "default" if wanted == "chat" else wanted
        instead = f"Ask {' or '.join(each.model for each in able)}; '{alias}' names the first of them."
    else:
        served = " ".join(each.model for each in backends.models())
        instead = (
            f"No model that {_WANTED[wanted]} is served; the gateway's owner can serve one beside it: "
            f"`kanoa-mlops serve {served} {_EXAMPLES[wanted]}`."
        )
    raise ApiError(
        400,
        f"{backend.model} {_DOES[backend.kind]}, and nothing else. {instead}",
        code="wrong_kind_of_model",
        param="model",
    )
