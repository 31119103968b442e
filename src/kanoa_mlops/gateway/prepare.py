"""The body that goes on to the engine: the bytes as they came, unless something in them has to change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kanoa_mlops.gateway.backends import Backend
from kanoa_mlops.gateway.body import Asked

_ANSWER = ("max_tokens", "max_completion_tokens")


def prepare(asked: Asked, backend: Backend) -> bytes:
    """The request in the engine's words: an alias becomes the name that the engine knows."""
    known = asked.model == backend.engine_model or (asked.model is None and not backend.upstream_model)
    shortened = _shortened(asked.fields, backend)
    if known and not shortened:
        return asked.raw
    return as_json({**asked.fields, **shortened, "model": backend.engine_model})


def as_json(fields: Mapping[str, Any]) -> bytes:
    # ASCII escapes carry even a lone surrogate, which UTF-8 cannot.
    return json.dumps(fields, separators=(",", ":")).encode()


def _shortened(fields: Mapping[str, Any], backend: Backend) -> dict[str, int]:
    """An answer longer than the context cannot come; vLLM refuses to begin one, others stop at the end.

    kanoa asks for 3000 tokens whatever is served.
    """
    return {
        name: backend.context_tokens
        for name in _ANSWER
        if isinstance(fields.get(name), int) and fields[name] > backend.context_tokens
    }
