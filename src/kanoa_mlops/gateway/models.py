"""What `/v1/models` says: OpenAI's list, with what a person has to know before choosing."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Literal

from kanoa_mlops.gateway.backends import Backend
from kanoa_mlops.gateway.vectors import Vectors

Figures = Literal["sees", "described", "reads", "none"]


def model_list(backends: Collection[Backend], *, created: int, reads: bool) -> dict[str, Any]:
    data = [model_object(backend, backends, created=created, reads=reads) for backend in backends]
    return {"object": "list", "data": data}


def model_object(backend: Backend, served: Iterable[Backend], *, created: int, reads: bool) -> dict[str, Any]:
    """`created` is in seconds since 1970; `reads`: figures are read for models that cannot see."""
    return {
        "id": backend.model,
        "object": "model",
        "created": created,
        "owned_by": "kanoa-mlops",
        "max_model_len": backend.context_tokens,  # vLLM's word, which clients look for
        "kanoa": {
            "aliases": list(backend.aliases),
            "engine": backend.engine,
            "state": backend.state,
            "reason": backend.reason,
            "context_tokens": backend.context_tokens,
            "figures": _figures(backend, served, reads),
            **({"kind": backend.kind} if backend.kind else {}),
            **({"vectors": _vectors(backend.vectors)} if backend.vectors else {}),
        },
    }


def _vectors(vectors: Vectors) -> dict[str, Any]:
    return {
        "dimensions": vectors.dimensions,
        "may_be_cut": vectors.lengths,
        "query_prompt": vectors.query_prompt,
        "document_prompt": vectors.document_prompt,
    }


def _figures(backend: Backend, served: Iterable[Backend], reads: bool) -> Figures:
    if backend.sees:
        return "sees"
    if backend.kind not in (None, "chat"):
        return "none"
    if any(each.sees and each.takes_requests for each in served):
        return "described"
    return "reads" if reads else "none"
