"""A chat completion as Ollama answers it: a line of JSON for each piece, and a last one that counts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from kanoa_mlops.gateway.surfaces.chunk import Chunk, parse_answer
from kanoa_mlops.gateway.surfaces.ollama.calls import Calls
from kanoa_mlops.gateway.surfaces.translation import Durations

Shape = Callable[[dict[str, Any]], dict[str, Any]]
"""From content, thinking and tool calls to the fields they stand in."""

_NANOSECONDS = 10**9


class Lines:
    """The answer to one request, streamed or whole."""

    content_type = "application/x-ndjson"

    def __init__(
        self, body: bytes, shape: Shape, model: Callable[[], str], measure: Callable[[], Durations]
    ) -> None:
        """`model` gives the name that the answer bears, `measure` how long it took until now."""
        self.body = body
        self._shape, self._model, self._measure = shape, model, measure
        self._calls = Calls()
        self._last = Chunk()

    def chunk(self, chunk: Chunk) -> bytes:
        said = self._heard(chunk)
        return self._line(self._piece(**said)) if said else b""

    def waiting(self, comment: bytes) -> bytes:
        """Ollama has no comments, but an empty piece says the same and adds nothing."""
        return self._line(self._piece())

    def done(self) -> bytes:
        calls = self._calls.whole(cut=self._cut)
        said = self._line(self._piece(tool_calls=calls)) if calls else b""
        return said + self._line(self._shape({"content": ""}) | self._end())

    def failed(self, error: Mapping[str, Any]) -> bytes:
        return self._line({"error": str(error.get("message") or error)})

    def whole(self, answer: bytes) -> bytes:
        said = self._heard(parse_answer(answer))
        if calls := self._calls.whole(cut=self._cut):
            said["tool_calls"] = calls
        document = self._head() | self._shape({"content": "", **said}) | self._end()
        return json.dumps(document).encode()

    def _heard(self, chunk: Chunk) -> dict[str, Any]:
        """What of it can be said at once."""
        self._calls.add(chunk.calls)
        self._last = Chunk(
            finish=chunk.finish or self._last.finish,
            counts=chunk.counts or self._last.counts,
            timings=chunk.timings or self._last.timings,
        )
        said = {"content": chunk.text, "thinking": chunk.reasoning, "logprobs": list(chunk.logprobs)}
        return {name: value for name, value in said.items() if value}

    @property
    def _cut(self) -> bool:
        return self._last.finish == "length"

    def _piece(self, **said: Any) -> dict[str, Any]:
        return self._shape({"content": "", **said}) | {"done": False}

    def _line(self, fields: dict[str, Any]) -> bytes:
        document = fields if "error" in fields else self._head() | fields
        return json.dumps(document).encode() + b"\n"

    def _head(self) -> dict[str, Any]:
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        return {"model": self._model(), "created_at": now}

    def _end(self) -> dict[str, Any]:
        took, counts, timings = self._measure(), self._last.counts, self._last.timings
        until_first = max(0.0, took.first - took.held)
        answering = took.total - took.first
        if not answering:  # it came whole, and when it began is not known
            until_first, answering = 0.0, max(0.0, took.total - took.held)
        prompt_seconds = timings.get("prompt_ms", until_first * 1000) / 1000
        answer_seconds = timings.get("predicted_ms", answering * 1000) / 1000
        return {
            "done": True,
            "done_reason": "length" if self._cut else "stop",
            "total_duration": _nanoseconds(took.total),
            "load_duration": _nanoseconds(took.held),
            "prompt_eval_count": counts.prompt if counts else 0,
            "prompt_eval_duration": _nanoseconds(prompt_seconds),
            "eval_count": counts.completion if counts else 0,
            "eval_duration": _nanoseconds(answer_seconds),
        }


def as_message(said: dict[str, Any]) -> dict[str, Any]:
    """In an answer to a chat."""
    logprobs = {"logprobs": said.pop("logprobs")} if "logprobs" in said else {}
    return {"message": {"role": "assistant", **said}} | logprobs


def as_response(said: dict[str, Any]) -> dict[str, Any]:
    """In an answer to a prompt."""
    return {"response": said.pop("content"), **said}


def _nanoseconds(seconds: float) -> int:
    # Clients divide by them.
    return max(1, round(seconds * _NANOSECONDS)) if seconds >= 0 else 1
