"""A streamed chat answer, as far as a clock needs it. Nothing it does can hold us up or fill memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_LONGEST_LINE = 16 * 2**20  # bytes
_TEXTS = ("content", "reasoning_content", "reasoning")


class BadAnswer(Exception):
    """The answer is no use; says why."""


@dataclass
class Stream:
    """Takes an answer's bytes with the time they came at."""

    first: float | None = None
    last: float | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    done: bool = False
    _rest: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes, now: float) -> None:
        """
        Raises:
            BadAnswer: it says that something failed, or is not a stream of events.
        """
        for line in self._lines(data):
            if not line.startswith(b"data:"):
                continue
            words = line.removeprefix(b"data:").strip()
            if words == b"[DONE]":
                self.done = True
            else:
                self._event(words, now)

    def require_whole(self) -> None:
        """
        Raises:
            BadAnswer: it broke off, was empty, or nobody counted its tokens.
        """
        if not self.done:
            raise BadAnswer("the answer broke off")
        if self.first is None:
            raise BadAnswer("the answer was empty")
        if not self.output_tokens:
            raise BadAnswer("the engine did not say how many tokens it gave")

    def _lines(self, data: bytes) -> Iterator[bytes]:
        *whole, rest = data.split(b"\n")
        for line in whole:
            yield bytes(self._rest) + line
            self._rest.clear()
        self._rest += rest
        if len(self._rest) > _LONGEST_LINE:
            raise BadAnswer("an event of the answer does not end")

    def _event(self, words: bytes, now: float) -> None:
        try:
            event = json.loads(words)
        except ValueError as error:
            raise BadAnswer("an event of the answer is not JSON") from error
        if not isinstance(event, dict):
            raise BadAnswer("an event of the answer is not an object")
        if message := error_message(event):
            raise BadAnswer(message)
        if _has_text(event):
            self.first = now if self.first is None else self.first
            self.last = now
        self.input_tokens = _count(event, "prompt_tokens") or self.input_tokens
        self.output_tokens = _count(event, "completion_tokens") or self.output_tokens


def error_message(document: Any) -> str:
    """What an OpenAI-style error says; '' where it is none."""
    error = document.get("error") if isinstance(document, dict) else None
    if isinstance(error, dict):
        return str(error.get("message") or "an error without a word")
    return str(error) if error else ""


def _has_text(event: dict[str, Any]) -> bool:
    choices = event.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        delta = choice.get("delta") if isinstance(choice, dict) else None
        if isinstance(delta, dict) and any(delta.get(name) for name in _TEXTS):
            return True
    return False


def _count(event: dict[str, Any], name: str) -> int:
    usage = event.get("usage")
    count = usage.get(name) if isinstance(usage, dict) else None
    return count if isinstance(count, int) else 0
