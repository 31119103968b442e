"""Embeddings as Ollama answers them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.surfaces.chunk import Chunk, parse_event
from kanoa_mlops.gateway.surfaces.translation import Durations


class _Whole:
    """Embeddings are never streamed."""

    content_type = "application/json"

    def __init__(self, body: bytes) -> None:
        self.body = body

    def chunk(self, chunk: Chunk) -> bytes:
        return b""

    def waiting(self, comment: bytes) -> bytes:
        return b""

    def done(self) -> bytes:
        return b""

    def failed(self, error: Mapping[str, Any]) -> bytes:
        return json.dumps({"error": error.get("message")}).encode()


class Vectors(_Whole):
    """Of /api/embed."""

    def __init__(self, body: bytes, model: Callable[[], str], measure: Callable[[], Durations]) -> None:
        super().__init__(body)
        self._model, self._measure = model, measure

    def whole(self, answer: bytes) -> bytes:
        value = parse_event(answer)
        took = self._measure()
        usage = value.get("usage")
        counted = usage.get("prompt_tokens") if isinstance(usage, dict) else 0
        document = {
            "model": self._model(),
            "embeddings": _vectors(value),
            "total_duration": round(took.total * 10**9),
            "load_duration": round(took.held * 10**9),
            "prompt_eval_count": counted or 0,
        }
        return json.dumps(document).encode()


class Vector(_Whole):
    """Of /api/embeddings."""

    def whole(self, answer: bytes) -> bytes:
        return json.dumps({"embedding": _vectors(parse_event(answer))[0]}).encode()


def _vectors(value: Mapping[str, Any]) -> list[Any]:
    data = value.get("data")
    found = (
        [each.get("embedding") for each in data if isinstance(each, dict)] if isinstance(data, list) else []
    )
    if not found or not all(isinstance(each, list) for each in found):
        raise ApiError(
            502, "The engine's answer has no embeddings.", code="engine_bad_answer", source="engine"
        )
    return found
