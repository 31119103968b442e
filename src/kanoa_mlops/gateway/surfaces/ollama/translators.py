"""Ollama's routes that a model answers, each as a translator from a body."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial
from typing import Any

from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.exchange import Exchange
from kanoa_mlops.gateway.http.response import json_response
from kanoa_mlops.gateway.surfaces.given import read
from kanoa_mlops.gateway.surfaces.ollama.answer import Lines, Shape, as_message, as_response
from kanoa_mlops.gateway.surfaces.ollama.chat import from_chat, from_generate
from kanoa_mlops.gateway.surfaces.ollama.embed import Vector, Vectors
from kanoa_mlops.gateway.surfaces.ollama.request import (
    Asked,
    ChatRequest,
    EmbeddingsRequest,
    EmbedRequest,
    GenerateRequest,
    served_name,
)
from kanoa_mlops.gateway.surfaces.translation import AnsweredHere, durations


def chat(raw: bytes, exchange: Exchange) -> Lines:
    asked = read(ChatRequest, raw)
    if not asked.messages:
        raise _loaded(asked, as_message)
    return _lines(asked, from_chat(asked), as_message, exchange)


def generate(raw: bytes, exchange: Exchange) -> Lines:
    asked = read(GenerateRequest, raw)
    fields = from_generate(asked)
    if not asked.prompt and not asked.images:
        raise _loaded(asked, as_response)
    return _lines(asked, fields, as_response, exchange)


def embed(raw: bytes, exchange: Exchange) -> Vectors:
    asked = read(EmbedRequest, raw)
    if not asked.input:
        raise AnsweredHere(json_response({"model": asked.model or "", "embeddings": []}))
    fields: dict[str, Any] = {**served_name(asked.model), "input": asked.input, "encoding_format": "float"}
    if asked.dimensions:
        fields["dimensions"] = asked.dimensions
    if asked.truncate is not False:
        fields["truncate_prompt_tokens"] = -1
    return Vectors(_encoded(fields), partial(_name, asked.model, exchange), partial(durations, exchange))


def embeddings(raw: bytes, exchange: Exchange) -> Vector:
    asked = read(EmbeddingsRequest, raw)
    if not asked.prompt:
        raise AnsweredHere(json_response({"embedding": []}))
    return Vector(_encoded({**served_name(asked.model), "input": [asked.prompt], "encoding_format": "float"}))


def _lines(asked: Asked, fields: dict[str, Any], shape: Shape, exchange: Exchange) -> Lines:
    name = partial(_name, asked.model, exchange)
    return Lines(_encoded(fields), shape, name, partial(durations, exchange))


def _name(asked: str | None, exchange: Exchange) -> str:
    """As Ollama answers: the name by which it was asked."""
    return asked or exchange.model


def _loaded(asked: Asked, shape: Shape) -> Exception:
    """To Ollama, who says nothing asks to load a model, or not to keep it. Here that is the owner's."""
    if asked.keep_alive in (0, "0", "0s"):
        return ApiError(
            501,
            "A request cannot unload a model here; the gateway does it when another one needs the room.",
            code="not_supported",
            param="keep_alive",
        )
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    said = shape({"content": ""}) | {"done": True, "done_reason": "load"}
    return AnsweredHere(json_response({"model": asked.model or "", "created_at": now} | said))


def _encoded(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields).encode()
