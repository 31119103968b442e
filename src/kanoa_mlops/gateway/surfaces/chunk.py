"""A chat completion as engines answer it, whole or event by event, read once into one type."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kanoa_mlops.gateway.envelope import ApiError


@dataclass(frozen=True)
class CallPiece:
    """Some of a tool call; its arguments come piece by piece."""

    index: int
    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Counts:
    """Tokens."""

    prompt: int
    completion: int
    cached: int
    """Of the prompt, those the engine still knew."""
    reasoning: int
    """Of the completion."""
    more: Mapping[str, Any]
    """What the gateway itself says of them: whether they are estimated, which steps they are of."""


@dataclass(frozen=True)
class Chunk:
    text: str = ""
    reasoning: str = ""
    calls: tuple[CallPiece, ...] = ()
    finish: str = ""
    """Why it ended, in OpenAI's words; empty before."""
    logprobs: tuple[Any, ...] = ()
    counts: Counts | None = None
    timings: Mapping[str, float] = field(default_factory=dict)
    """llama.cpp's, in milliseconds."""


def parse_answer(body: bytes) -> Chunk:
    """A whole answer, as the one chunk it would be.

    Raises:
        ApiError: 502, it is no chat completion.
    """
    value = parse_event(body)
    choices = value.get("choices")
    if not isinstance(choices, list) or not choices:
        raise _bad_answer()
    return parse_chunk(value)


def parse_event(data: bytes) -> Mapping[str, Any]:
    """
    Raises:
        ApiError: 502, it is no JSON object.
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _bad_answer() from error
    if not isinstance(value, dict):
        raise _bad_answer()
    return value


def parse_chunk(value: Mapping[str, Any]) -> Chunk:
    """What an engine left out or made up is taken for nothing; it never ends a stream."""
    choice = _object(_first(value.get("choices")))
    said = _object(choice.get("delta") or choice.get("message"))
    usage = value.get("usage")
    timings = _object(value.get("timings"))
    return Chunk(
        text=_text(said.get("content")),
        reasoning=_text(said.get("reasoning_content")) or _text(said.get("reasoning")),
        calls=tuple(_call(index, call) for index, call in enumerate(_list(said.get("tool_calls")))),
        finish=_text(choice.get("finish_reason")),
        logprobs=tuple(_list(_object(choice.get("logprobs")).get("content"))),
        counts=_counts(usage) if isinstance(usage, dict) else None,
        timings={name: float(each) for name, each in timings.items() if isinstance(each, int | float)},
    )


def _call(index: int, call: object) -> CallPiece:
    fields = _object(call)
    function = _object(fields.get("function"))
    given = fields.get("index")
    arguments = function.get("arguments")
    return CallPiece(
        given if isinstance(given, int) else index,
        _text(fields.get("id")),
        _text(function.get("name")),
        json.dumps(arguments) if isinstance(arguments, dict) else _text(arguments),
    )


def _counts(usage: Mapping[str, Any]) -> Counts:
    return Counts(
        _count(usage.get("prompt_tokens")),
        _count(usage.get("completion_tokens")),
        _count(_object(usage.get("prompt_tokens_details")).get("cached_tokens")),
        _count(_object(usage.get("completion_tokens_details")).get("reasoning_tokens")),
        {name: usage[name] for name in ("estimated", "kanoa_steps") if name in usage},
    )


def _first(value: object) -> object:
    return value[0] if isinstance(value, list) and value else None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _bad_answer() -> ApiError:
    return ApiError(
        502, "The engine's answer is no chat completion.", code="engine_bad_answer", source="engine"
    )
