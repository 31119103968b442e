"""A provider of hosted models that keeps its own books, and refuses as Hugging Face's router does.

In a test: `async with FakeProvider(credit=1.0) as provider: ... provider.url`.
"""

from __future__ import annotations

import asyncio
import json
import math
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from tests.fakes.engine import WORDS
from tests.fakes.listening import listen

KEY = "hf_the-owners-key"
MODELS = frozenset({"openai/gpt-oss-120b:novita", "openai/gpt-oss-120b:groq"})
PROMPT_PRICE, ANSWER_PRICE = 50, 250  # micro-dollars for a thousand tokens
BYTES_A_TOKEN = 2


@dataclass
class FakeProvider:
    """Answers after `seconds`, each answer with more tokens than the one before."""

    credit_micro: float = float("inf")
    """What the account may still spend; then 402, as without a subscription."""
    per_minute: int | None = None
    """Requests, then 429; the minute does not end while a test runs."""
    seconds: float = 0.0
    holds_streams: bool = False
    """A stream stops after its first word for as long as this is so."""
    answered: list[dict[str, Any]] = field(default_factory=list)
    """The usage of each answer that was billed."""
    refused: list[int] = field(default_factory=list)
    """The status of each refusal."""
    asked: int = 0
    fields: list[dict[str, Any]] = field(default_factory=list)
    """Of each request."""

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2**30)
        app.router.add_post("/v1/chat/completions", self._handle)
        self._runner, self.port = await listen(app)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def micro(self) -> float:
        """What it has charged."""
        return math.fsum(
            (each["prompt_tokens"] * PROMPT_PRICE + each["completion_tokens"] * ANSWER_PRICE) / 1000
            for each in self.answered
        )

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        asked = json.loads(raw)
        self.asked += 1
        self.fields.append(asked)
        if refusal := self._refusal(request, asked):
            self.refused.append(refusal.status)
            return refusal
        await asyncio.sleep(self.seconds)
        words = len(WORDS) + len(self.answered)
        prompt = len(raw) // BYTES_A_TOKEN
        usage = {"prompt_tokens": prompt, "completion_tokens": words, "total_tokens": prompt + words}
        self.answered.append(usage)
        if asked.get("stream"):
            return await self._stream(request, usage, asked)
        message = {"role": "assistant", "content": "hosted"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return web.json_response(
            {"id": "h1", "object": "chat.completion", "created": 1, "choices": [choice], "usage": usage}
        )

    def _refusal(self, request: web.Request, asked: dict[str, Any]) -> web.Response | None:
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return _error(401, "Invalid username or password.")
        if asked["model"] not in MODELS:
            return _error(400, f"The requested model '{asked['model']}' is not supported by any provider.")
        if self.micro >= self.credit_micro:
            return _error(
                402,
                "You have depleted your monthly included credits. Subscribe to PRO to get 20x more "
                "monthly included usage.",
            )
        if self.per_minute is not None and self.asked > self.per_minute:
            return _error(429, "Rate limit reached for requests per minute.", {"retry-after": "60"})
        return None

    async def _stream(
        self, request: web.Request, usage: dict[str, Any], asked: dict[str, Any]
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for word in ("hos", "ted"):
            await response.write(_event({"choices": [{"index": 0, "delta": {"content": word}}]}))
            while self.holds_streams:
                await asyncio.sleep(0.02)
        if (asked.get("stream_options") or {}).get("include_usage"):
            await response.write(_event({"choices": [], "usage": usage}))
        await response.write(b"data: [DONE]\n\n")
        return response


def _event(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"error": message}, status=status, headers=headers)
