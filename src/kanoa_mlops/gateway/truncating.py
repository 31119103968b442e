"""Texts cut to what a model takes, where a request says `truncate_prompt_tokens`, as vLLM understands it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from kanoa_mlops.gateway.backends import Backend
from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.http.client import Client
from kanoa_mlops.gateway.limits import Limits
from kanoa_mlops.gateway.traffic import Traffic
from kanoa_mlops.gateway.upstream import ask_engine

FIELD = "truncate_prompt_tokens"
_ROUTE = "/tokenize"
_WHOLE = -1
"""As many as the model takes."""


def wished_tokens(fields: Mapping[str, Any]) -> int | None:
    """To how many tokens each text is to be cut, -1 for as many as the model takes; None for not at all.

    Raises:
        ApiError: 400, it is no such number.
    """
    wished = fields.get(FIELD)
    if wished is None:
        return None
    if not isinstance(wished, int) or isinstance(wished, bool) or wished == 0 or wished < _WHOLE:
        raise ApiError(
            400,
            f"'{FIELD}' must be a number of tokens from 1 on, or -1 for as many as the model takes.",
            code="invalid_value",
            param=FIELD,
        )
    return wished


@dataclass(frozen=True)
class Truncating:
    """For llama.cpp, which refuses a text that is too long; vLLM cuts by itself, and so does Ollama."""

    client: Client
    traffic: Traffic
    limits: Limits

    async def cut(self, body: bytes, tokens: int, backend: Backend, request_id: str) -> bytes:
        """The request with texts that are too long as their first tokens.

        Raises:
            ApiError: the engine did not answer.
        """
        if not backend.engine.startswith("llama.cpp"):
            return body
        room = backend.context_tokens if tokens == _WHOLE else min(tokens, backend.context_tokens)
        fields = orjson.loads(body)
        fields.pop(FIELD, None)
        given = fields.get("input")
        if isinstance(given, str):
            fields["input"] = await self._fitted(given, room, backend, request_id)
        elif isinstance(given, list) and all(isinstance(each, str) for each in given):
            # llama.cpp takes texts and tokens side by side.
            fields["input"] = [await self._fitted(each, room, backend, request_id) for each in given]
        return orjson.dumps(fields)

    async def _fitted(self, text: str, room: int, backend: Backend, request_id: str) -> str | list[int]:
        if len(text.encode()) + _MARKS <= room:  # no token is shorter than a byte
            return text
        whole = await self._tokens(text, backend, request_id, marked=True)
        if len(whole) <= room:
            return text
        bare = await self._tokens(text, backend, request_id, marked=False)
        return _cut(whole, bare, room)

    async def _tokens(self, text: str, backend: Backend, request_id: str, *, marked: bool) -> list[int]:
        asked = orjson.dumps({"content": text, "add_special": marked})
        headers = {"content-type": "application/json", "x-request-id": request_id}
        flow = self.traffic.of(backend.id)
        async with ask_engine(self.client, backend, _ROUTE, asked, headers, flow) as answer:
            body = await answer.read(self.limits.max_answer_bytes)
        try:
            tokens: list[int] = orjson.loads(body)["tokens"]
        except (ValueError, LookupError, TypeError) as error:
            raise ApiError(
                502,
                f"The engine behind {backend.model} did not say how long the text is.",
                code="engine_bad_answer",
                source="engine",
            ) from error
        return tokens


_MARKS = 4
"""More tokens than any model puts around a text."""


def _cut(whole: Sequence[int], bare: Sequence[int], room: int) -> list[int]:
    """The first tokens of the text, between the marks that the model puts around one."""
    before = next(at for at in range(len(whole)) if list(whole[at : at + len(bare)]) == list(bare))
    after = len(whole) - before - len(bare)
    kept = max(0, room - before - after)
    return [*whole[:before], *bare[:kept], *whole[len(whole) - after :]]
