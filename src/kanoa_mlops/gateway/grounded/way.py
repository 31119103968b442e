"""One grounded request: searched before it is asked, or as often as its model wants to."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Protocol

import orjson

from kanoa_mlops.gateway.backends import Backend
from kanoa_mlops.gateway.body import Asked
from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.exchange import Exchange
from kanoa_mlops.gateway.grounded.asking import Asking, likely, with_fields
from kanoa_mlops.gateway.grounded.calls import Call, Calls, free_name, function
from kanoa_mlops.gateway.grounded.grounds import Grounds
from kanoa_mlops.gateway.grounded.telling import with_citations
from kanoa_mlops.gateway.grounded.telling_stream import GroundedStream
from kanoa_mlops.gateway.heartbeat import Heartbeat
from kanoa_mlops.gateway.http.request import Request
from kanoa_mlops.gateway.http.response import Answer, Response, Stream
from kanoa_mlops.gateway.limits import Limits
from kanoa_mlops.gateway.usage import Step, Usage
from kanoa_mlops.grounding.archive import Reader
from kanoa_mlops.grounding.types import Passage

_ROUNDS = 3
"""Times that a model may search, in `auto`; then it has to answer."""
_SEVERAL_TIMES = "with 'grounding.mode' auto a model is asked several times, on the owner's machines alone"
_MESSAGE = re.compile(r"messages\[(\d+)\]")


class Send(Protocol):
    """The ordinary way of a request to its engine and back."""

    def __call__(self, request: Request, asked: Asked, kept_here: str) -> Awaitable[Answer]:
        """`kept_here` says why it may not leave the owner's machines; '' where it may."""
        ...


class Way:
    def __init__(
        self,
        asking: Asking,
        limits: Limits,
        request: Request,
        exchange: Exchange,
        reader: Reader,
        grounds: Grounds,
        pool: Sequence[Backend],
        send: Send,
    ) -> None:
        self._asking, self._limits, self._exchange = asking, limits, exchange
        self._reader, self._grounds, self._pool, self._send = reader, grounds, pool, send
        self._calls = Calls()
        self._listed = False
        self._request = _Grounded(request, self._stream)

    async def always(self, asked: Asked) -> Answer:
        """Searched first, so that models that call no functions answer from documents too."""
        grounds = self._grounds
        self._listed = _listed(grounds, asked.fields)
        passages: tuple[Passage, ...] = ()
        async with self._waiting(asked):
            if query := await self._asking.query(asked, grounds, self._exchange):
                passages = await self._asking.search(query, grounds, self._reader)
        backend = likely(asked.fields, grounds, self._pool)
        given = self._asking.given(asked, grounds, passages, backend) if query else asked
        grounds.settled = True
        try:
            return self._told(await self._send(self._request, given, grounds.kept_here))
        except ApiError as error:
            raise _as_sent(error, len(given.fields["messages"]) - len(asked.fields["messages"])) from error

    async def auto(self, asked: Asked) -> Answer:
        """The model searches, as often as it wants within bounds, and mostly not at all."""
        self._listed = _listed(self._grounds, asked.fields)
        name = free_name(asked.fields.get("tools") or [])
        backend = likely(asked.fields, self._grounds, self._pool)
        asked = self._asking.ruled(asked, self._grounds, backend)
        for turn in range(_ROUNDS):
            answer = await self._turn(asked, name, turn)
            if answer is not None:
                return answer
            async with self._waiting(asked):
                found = [(call, await self._called(call, asked)) for call in self._calls.made]
            asked = self._asking.answered(asked, name, self._grounds, found, backend)
        self._calls.begin("", first=False)
        return self._told(await self._send(self._request, asked, self._kept_here))

    async def _turn(self, asked: Asked, name: str, turn: int) -> Answer | None:
        """None where the model wants to search."""
        must = self._grounds.wish.must_search and turn == 0
        self._calls.begin(name, first=turn == 0)
        answer = await self._send(self._request, self._armed(asked, name, must=must), self._kept_here)
        if isinstance(answer, Response):
            document = self._calls.whole(_document(answer))
            if document is not None:
                answer = Response(answer.status, orjson.dumps(document), dict(answer.headers))
        if not self._calls.again:
            return self._told(answer)
        self._book()
        return None

    def _armed(self, asked: Asked, name: str, *, must: bool) -> Asked:
        """With the function that searches."""
        own = function(name, self._grounds.wish.stores)
        fields = {**asked.fields, "tools": [*(asked.fields.get("tools") or []), own]}
        if must:
            fields["tool_choice"] = {"type": "function", "function": {"name": name}}
        return with_fields(asked, fields)

    async def _called(self, call: Call, asked: Asked) -> tuple[Passage, ...]:
        query = call.query or await self._asking.query(asked, self._grounds, self._exchange)
        return await self._asking.search(query, self._grounds, self._reader) if query else ()

    def _book(self) -> None:
        """What a round took that is not the last; the ledger has the last as the request's own."""
        exchange = self._exchange
        usage = exchange.usage or self._calls.usage or Usage(exchange.prompt_tokens, exchange.pieces)
        model = exchange.backend.model if exchange.backend else exchange.model
        exchange.steps += (*exchange.figures.steps, Step(model, usage))
        exchange.usage, exchange.pieces = None, 0

    @property
    def _kept_here(self) -> str:
        return self._grounds.kept_here or _SEVERAL_TIMES

    def _told(self, answer: Answer) -> Answer:
        self._grounds.settled = True
        if isinstance(answer, Stream):
            return answer
        return with_citations(answer, self._grounds, listed=self._listed)

    def _stream(self, under: Stream) -> Stream:
        return GroundedStream(under, self._grounds, self._calls, listed=self._listed)

    def _waiting(self, asked: Asked) -> AbstractAsyncContextManager[object]:
        """Around a search, which has its own bounds; a stream is told that it lives."""
        self._exchange.patience.allow(self._limits.figures_seconds, _slow)
        if not asked.stream:
            return nullcontext()
        heartbeat = Heartbeat(self._request, self._exchange, self._limits)
        heartbeat.tell("searching the documents")
        return heartbeat


class _Grounded(Request):
    """The request as the ordinary way sees it: what is streamed to it goes through the citations."""

    def __init__(self, given: Request, around: Callable[[Stream], Stream]) -> None:
        super().__init__(given._scope, given._receive, given._send)
        self._given, self._around = given, around
        self.headers = given.headers

    async def stream(self, headers: Mapping[str, str]) -> Stream:
        return self._around(await self._given.stream(headers))


def _listed(grounds: Grounds, fields: Mapping[str, Any]) -> bool:
    """Where an answer must be JSON, nothing may stand under it."""
    wanted = fields.get("response_format")
    structured = isinstance(wanted, dict) and wanted.get("type") not in (None, "text")
    return grounds.wish.citations == "sources" and not structured


def _document(answer: Response) -> dict[str, Any]:
    try:
        document = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


def _as_sent(error: ApiError, more: int) -> ApiError:
    """Its `param` counts the client's messages, without those that were put before them."""
    if more and error.param and (match := _MESSAGE.match(error.param)):
        error.param = f"messages[{int(match[1]) - more}]{error.param[match.end() :]}"
    return error


def _slow() -> ApiError:
    return ApiError(504, "The documents were not searched in time.", code="retrieval_timeout")
