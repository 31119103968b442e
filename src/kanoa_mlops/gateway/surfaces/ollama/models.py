"""What is served, as Ollama lists it. What is not known here is left empty, never made up."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from kanoa_mlops.gateway.backends import Backend
from kanoa_mlops.gateway.models import model_object

SPOKEN = "0.32.1"
"""The version of Ollama whose API this is; clients refuse older ones (2026-11)."""
_NEVER = "9999-12-31T23:59:59Z"
_FAMILY = "kanoa-mlops"


def tags(served: Collection[Backend], *, created: int) -> dict[str, Any]:
    """`created`: when the gateway began, in seconds since 1970."""
    return {"models": [{**_entry(each), "modified_at": _at(created)} for each in served]}


def running(served: Collection[Backend]) -> dict[str, Any]:
    """Those loaded now."""
    return {
        "models": [
            {
                **_entry(each),
                "expires_at": _NEVER,
                "size_vram": 0,
                "context_length": each.context_tokens,
            }
            for each in served
            if each.state == "ready"
        ]
    }


def shown(backend: Backend, served: Collection[Backend], *, created: int, reads: bool) -> dict[str, Any]:
    """`reads`: figures are read for models that cannot see."""
    about = model_object(backend, served, created=created, reads=reads)
    # A model that is told what is in a figure takes images as well as one that sees it.
    takes_images = about["kanoa"]["figures"] != "none"
    return {
        "modelfile": "",
        "parameters": f"num_ctx {backend.context_tokens}",
        "template": "",
        "details": _details(),
        # Clients look for the length of the context under whatever the architecture is called.
        "model_info": {
            "general.architecture": _FAMILY,
            "general.basename": backend.model,
            f"{_FAMILY}.context_length": backend.context_tokens,
        },
        "capabilities": _capabilities(backend, takes_images),
        "modified_at": _at(created),
        "kanoa": about["kanoa"],
    }


def _capabilities(backend: Backend, takes_images: bool) -> list[str]:
    match backend.kind:
        case "embedding":
            return ["embedding"]
        case "rerank":  # Ollama has no word for it
            return []
    return ["completion", "tools"] + ["vision"] * takes_images


def _entry(backend: Backend) -> dict[str, Any]:
    # Ollama's own command cuts the digest to 12 letters and fails on a shorter one.
    digest = hashlib.sha256(backend.model.encode()).hexdigest()
    name = {"name": backend.model, "model": backend.model}
    return {**name, "size": 0, "digest": digest, "details": _details()}


def _details() -> dict[str, Any]:
    return {
        "parent_model": "",
        "format": "",
        "family": _FAMILY,
        "families": [_FAMILY],
        "parameter_size": "",
        "quantization_level": "",
    }


def _at(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
