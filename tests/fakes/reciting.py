"""An engine that says what a test wrote down for it, piece by piece, and calls what it is told to call."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from tests.fakes.engine import USAGE
from tests.fakes.listening import listen

Said = tuple[str, ...]
"""The pieces of an answer."""


@dataclass(frozen=True)
class Calls:
    """Function calls instead of words: name and arguments."""

    calls: tuple[tuple[str, str], ...]
    words: Said = ()
    """Said before them."""


@dataclass
class RecitingEngine:
    """Says its turns one after another; the last again and again."""

    turns: list[Said | Calls]
    ends_in_words: bool = False
    """The chunk with the last words has the reason of the end in it, as vLLM's does."""
    choices: int = 1
    port: int = 0
    received: list[dict[str, Any]] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2**30)
        app.router.add_post("/v1/chat/completions", self._answer)
        self._runner, self.port = await listen(app, port=self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def system(self) -> str:
        """What the last request had in its system message."""
        messages = self.received[-1]["messages"]
        return str(next(each["content"] for each in messages if each["role"] == "system"))

    @property
    def question(self) -> str:
        """The text of the last user message of the last request."""
        asked = [each for each in self.received[-1]["messages"] if each["role"] == "user"][-1]["content"]
        return asked if isinstance(asked, str) else "\n".join(part.get("text", "") for part in asked)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        fields: dict[str, Any] = await request.json()
        self.received.append(fields)
        turn = self.turns[min(len(self.received), len(self.turns)) - 1]
        if fields.get("stream"):
            return await self._stream(request, turn, fields)
        return web.json_response(_whole(turn, self.choices))

    async def _stream(
        self, request: web.Request, turn: Said | Calls, fields: dict[str, Any]
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        deltas = _deltas(turn)
        finish = "tool_calls" if isinstance(turn, Calls) else "stop"
        for index in range(self.choices):
            for at, delta in enumerate(deltas):
                last = self.ends_in_words and at == len(deltas) - 1
                await response.write(_chunk(index, delta, finish if last else None))
            if not self.ends_in_words:
                await response.write(_chunk(index, {}, finish))
        if (fields.get("stream_options") or {}).get("include_usage"):
            await response.write(_event({**_HEAD, "choices": [], "usage": USAGE}))
        await response.write(b"data: [DONE]\n\n")
        return response


_HEAD = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}


def _deltas(turn: Said | Calls) -> list[dict[str, Any]]:
    words = turn.words if isinstance(turn, Calls) else turn
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": word} for word in words]
    if isinstance(turn, Calls):
        for index, (name, arguments) in enumerate(turn.calls):
            half = len(arguments) // 2
            begun = {"index": index, "id": f"c_{index}", "type": "function"}
            deltas.append({"tool_calls": [{**begun, "function": {"name": name, "arguments": ""}}]})
            for piece in (arguments[:half], arguments[half:]):
                deltas.append({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    return deltas


def _whole(turn: Said | Calls, choices: int) -> dict[str, Any]:
    words = turn.words if isinstance(turn, Calls) else turn
    message: dict[str, Any] = {"role": "assistant", "content": "".join(words)}
    finish = "stop"
    if isinstance(turn, Calls):
        finish = "tool_calls"
        message["tool_calls"] = [
            {"id": f"c_{index}", "type": "function", "function": {"name": name, "arguments": arguments}}
            for index, (name, arguments) in enumerate(turn.calls)
        ]
    each = [{"index": index, "message": message, "finish_reason": finish} for index in range(choices)]
    return {**_HEAD, "object": "chat.completion", "choices": each, "usage": USAGE}


def _chunk(index: int, delta: dict[str, Any], finish: str | None) -> bytes:
    return _event({**_HEAD, "choices": [{"index": index, "delta": delta, "finish_reason": finish}]})


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"
