"""Tokens as the engine counted them, found without parsing the rest of its answer."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

# A quote inside a JSON string is escaped, so this meets only a real key whose value is an object.
_KEY = re.compile(rb'"usage"\s*:\s*(?=\{)')
_LONGEST = 4096  # bytes of a usage object; real ones have a few hundred


@dataclass(frozen=True)
class Usage:
    prompt_tokens: int
    completion_tokens: int


def find_usage(answer: bytes) -> Usage | None:
    """The last usage object in a JSON answer or in some of a stream's events."""
    if b'"usage"' not in answer:
        return None
    ends = [match.end() for match in _KEY.finditer(answer)]
    return _parse(answer[ends[-1] : ends[-1] + _LONGEST]) if ends else None


def _parse(text: bytes) -> Usage | None:
    try:
        value, _ = json.JSONDecoder().raw_decode(text.decode(errors="replace"))
    except ValueError:
        return None
    return Usage(_count(value.get("prompt_tokens")), _count(value.get("completion_tokens")))


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0
