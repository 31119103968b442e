"""The body that goes on to the engine: the bytes as they came, unless something in them has to change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kanoa_mlops.gateway.backends import Backend
from kanoa_mlops.gateway.body import Asked
from kanoa_mlops.gateway.figure_notes import NO_FIGURES, FigureNotes


@dataclass(frozen=True)
class Prepared:
    body: bytes
    figures: FigureNotes = NO_FIGURES


_ANSWER = ("max_tokens", "max_completion_tokens")


def prepare(asked: Asked, backend: Backend) -> Prepared:
    """The request in the engine's words: an alias becomes the name that the engine knows."""
    known = asked.model == backend.engine_model or (asked.model is None and not backend.upstream_model)
    if known and not _shortened(asked.fields, backend):
        return Prepared(asked.raw)
    return Prepared(encode(asked.fields, backend))


def encode(fields: Mapping[str, Any], backend: Backend) -> bytes:
    """A changed request as JSON, for the model that `backend` serves."""
    # ASCII escapes carry even a lone surrogate, which UTF-8 cannot.
    changed = {**fields, **_shortened(fields, backend), "model": backend.engine_model}
    return json.dumps(changed, separators=(",", ":")).encode()


def _shortened(fields: Mapping[str, Any], backend: Backend) -> dict[str, int]:
    """An answer longer than the context cannot come; vLLM refuses to begin one, others stop at the end.

    kanoa asks for 3000 tokens whatever is served.
    """
    return {
        name: backend.context_tokens
        for name in _ANSWER
        if isinstance(fields.get(name), int) and fields[name] > backend.context_tokens
    }
