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


def prepare(asked: Asked, backend: Backend) -> Prepared:
    """The request in the engine's words: an alias becomes the name that the engine knows."""
    if asked.model == backend.engine_model or (asked.model is None and not backend.upstream_model):
        return Prepared(asked.raw)
    return Prepared(encode(asked.fields, backend))


def encode(fields: Mapping[str, Any], backend: Backend) -> bytes:
    """A changed request as JSON, for the model that `backend` serves."""
    # ASCII escapes carry even a lone surrogate, which UTF-8 cannot.
    return json.dumps({**fields, "model": backend.engine_model}, separators=(",", ":")).encode()
