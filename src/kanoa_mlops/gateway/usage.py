"""Tokens as the engine counted them, found without parsing the rest of its answer."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# A quote inside a JSON string is escaped, so this meets only a real key whose value is an object.
_KEY = re.compile(rb'"usage"\s*:\s*(?=\{)')
_TIMINGS = re.compile(rb'"timings"\s*:\s*(?=\{)')
_DECODER = json.JSONDecoder()
_LONGEST = 4096  # bytes of a usage object; real ones have a few hundred


@dataclass(frozen=True)
class Usage:
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True)
class Step:
    """What one model did for an answer."""

    model: str
    usage: Usage
    cached: bool = False
    """Remembered from an earlier request, hence without cost in this one."""
    backend: str = ""
    tier: str = "local"
    queue_seconds: float = 0.0
    """Spent waiting for the backend."""
    seconds: float = 0.0
    """All that it took."""

    def as_json(self) -> dict[str, Any]:
        counts = {
            "model": self.model,
            "prompt_tokens": self.usage.prompt_tokens,
            "completion_tokens": self.usage.completion_tokens,
        }
        return counts | ({"cached": True} if self.cached else {})


def find_usage(answer: bytes) -> Usage | None:
    """The last usage object in a JSON answer or in some of a stream's events."""
    at = answer.rfind(b'"usage"')
    while at >= 0:
        if match := _KEY.match(answer, at):
            return usage_of(_object_at(answer, match.end()))
        at = answer.rfind(b'"usage"', 0, at)
    return None


def find_timings(events: bytes) -> Usage | None:
    """What llama.cpp tells at the end of every stream, whether asked or not: `timings`."""
    at = events.rfind(b'"timings"')
    match = _TIMINGS.match(events, at) if at >= 0 else None
    value = _object_at(events, match.end()) if match else None
    if value is None or "predicted_n" not in value:
        return None
    prompt = _count(value.get("prompt_n")) + _count(value.get("cache_n"))
    return Usage(prompt, _count(value.get("predicted_n")))


def usage_of(value: object) -> Usage | None:
    """What an answer has under `usage`; None where that is no object."""
    if not isinstance(value, dict):
        return None
    return Usage(_count(value.get("prompt_tokens")), _count(value.get("completion_tokens")))


def add_steps(answer: bytes, steps: Sequence[Step], model: str) -> bytes:
    """The same answer of `model`; its usage counts the steps before it too and lists all as `kanoa_steps`."""
    if not steps or b'"usage"' not in answer:
        return answer
    parts: list[bytes] = []
    at = 0
    for match in _KEY.finditer(answer):
        start = match.end()
        if start < at:
            continue
        try:
            # In Latin-1 a character is a byte, so the end is the same in both.
            _, length = _DECODER.raw_decode(answer[start : start + _LONGEST].decode("latin-1"))
            value = json.loads(answer[start : start + length])
        except (ValueError, RecursionError):
            continue
        parts += [answer[at:start], json.dumps(_summed(value, steps, model), separators=(",", ":")).encode()]
        at = start + length
    return b"".join([*parts, answer[at:]])


def _summed(value: dict[str, Any], steps: Sequence[Step], model: str) -> dict[str, Any]:
    own = Usage(_count(value.get("prompt_tokens")), _count(value.get("completion_tokens")))
    every = [*steps, Step(model, own)]
    prompt = sum(step.usage.prompt_tokens for step in every)
    completion = sum(step.usage.completion_tokens for step in every)
    return {
        **value,
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "kanoa_steps": [step.as_json() for step in every],
    }


def _object_at(text: bytes, begin: int) -> dict[str, Any] | None:
    try:
        value, _ = _DECODER.raw_decode(text[begin : begin + _LONGEST].decode(errors="replace"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0
