"""Send a prepared request to its engine and pass the answer on, whole or event by event."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import orjson

from kanoa_mlops.gateway.backends import Backend
from kanoa_mlops.gateway.body import Asked
from kanoa_mlops.gateway.engine_errors import translate, translate_hidden
from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.events import DONE, EventSplitter, TooLong, as_events, data_of
from kanoa_mlops.gateway.exchange import Exchange
from kanoa_mlops.gateway.heartbeat import Heartbeat, open_stream
from kanoa_mlops.gateway.http.client import Client
from kanoa_mlops.gateway.http.request import Request
from kanoa_mlops.gateway.http.response import Answer, Response, Stream
from kanoa_mlops.gateway.inflight import client_stalled
from kanoa_mlops.gateway.limits import Limits
from kanoa_mlops.gateway.policy.outcome import Outcome
from kanoa_mlops.gateway.tally import Tally
from kanoa_mlops.gateway.traffic import Traffic
from kanoa_mlops.gateway.upstream import EngineAnswer, ask_engine, cut, endless
from kanoa_mlops.gateway.usage import add_steps, find_usage, usage_of


class Forwarder:
    """From a prepared request to the client's answer."""

    def __init__(self, client: Client, limits: Limits, traffic: Traffic) -> None:
        self._client = client
        self._limits = limits
        self._traffic = traffic

    def allow(self, exchange: Exchange, backend: Backend) -> None:
        """From now on it may take as long as an engine may to begin its answer."""
        late = partial(_no_answer, backend, self._limits)
        exchange.patience.allow(self._limits.first_byte_seconds, late)

    async def forward(
        self, request: Request, exchange: Exchange, asked: Asked, backend: Backend, body: bytes
    ) -> Answer:
        """Until the engine's first byte nothing goes out, so up to there a failure is an HTTP error.

        Raises:
            ApiError: the engine refused, failed, or took too long; before or after the stream began.
        """
        self.allow(exchange, backend)
        sent, earlier = time.monotonic(), exchange.first_byte_seconds
        try:
            if not asked.stream:
                return await self._ask(request, exchange, asked, backend, body)
            heartbeat = Heartbeat(request, exchange, self._limits, self._limits.prefill_seconds)
            heartbeat.tell("the engine reads the prompt")
            async with heartbeat:
                return await self._ask(request, exchange, asked, backend, body, heartbeat)
        finally:
            until = exchange.first_byte_seconds
            if earlier is None:  # else a model is asked several times, and this is not the first
                exchange.engine_seconds += (exchange.began + until if until else time.monotonic()) - sent

    async def _ask(
        self,
        request: Request,
        exchange: Exchange,
        asked: Asked,
        backend: Backend,
        body: bytes,
        heartbeat: Heartbeat | None = None,
    ) -> Answer:
        headers, flow = _request_headers(request, exchange, backend), self._traffic.of(backend.id)
        async with ask_engine(self._client, backend, exchange.route, body, headers, flow) as answer:
            if not 200 <= answer.status < 300:
                raise await _refused(exchange, answer)
            if not asked.stream:
                return await self._whole(exchange, answer)
            if not answer.is_stream:
                return await self._converted(request, exchange, asked, answer)
            return await self._relayed(request, exchange, asked, answer, heartbeat)

    async def _relayed(
        self,
        request: Request,
        exchange: Exchange,
        asked: Asked,
        answer: EngineAnswer,
        heartbeat: Heartbeat | None,
    ) -> Stream:
        splitter = EventSplitter(self._limits.max_event_bytes)
        tally = Tally(answer.backend, wants_usage=asked.wants_usage, steps=exchange.all_steps)
        outgoing = tally.pass_on(await _first_events(answer, splitter))
        if tally.error and not data_of(outgoing):
            raise _noted(exchange, tally.error)
        if heartbeat:
            await heartbeat.stop()
        stream = await _begin(request, exchange, answer.content_type)
        silent = partial(_silent, answer.backend, self._limits)
        try:
            while True:
                await self._send(exchange, stream, outgoing)
                if tally.error:
                    raise _noted(exchange, tally.error)
                if tally.done:
                    return await _finish(stream)
                exchange.patience.allow(self._limits.idle_seconds, silent)
                outgoing = tally.pass_on(await _next_events(exchange, answer, splitter))
        finally:
            exchange.usage, exchange.pieces = tally.usage, tally.deltas

    async def _whole(self, exchange: Exchange, answer: EngineAnswer) -> Response:
        body = await answer.read(self._limits.max_answer_bytes)
        _raise_hidden_error(exchange, body, answer)
        document = _document(body, answer)
        exchange.first_byte()
        exchange.usage = usage_of(document.get("usage")) if isinstance(document, dict) else find_usage(body)
        headers = {"content-type": answer.content_type}
        if encoding := answer.header("content-encoding"):
            headers["content-encoding"] = encoding
        return Response(answer.status, _counted(exchange, body, answer), headers)

    async def _converted(
        self, request: Request, exchange: Exchange, asked: Asked, answer: EngineAnswer
    ) -> Stream:
        """An engine that ignored `stream: true`; its JSON as it is would look like an empty answer."""
        body = await answer.read(self._limits.max_answer_bytes)
        _raise_hidden_error(exchange, body, answer)
        events = as_events(_counted(exchange, body, answer), wants_usage=asked.wants_usage)
        if events is None:
            raise _no_stream(answer)
        exchange.usage = find_usage(body)
        stream = await _begin(request, exchange, "text/event-stream")
        await self._send(exchange, stream, events)
        return await _finish(stream)

    async def _send(self, exchange: Exchange, stream: Stream, events: bytes) -> None:
        if not events:
            return
        exchange.patience.allow(self._limits.idle_seconds, client_stalled)
        await stream.write(events)


def _counted(exchange: Exchange, body: bytes, answer: EngineAnswer) -> bytes:
    return add_steps(body, exchange.all_steps, answer.backend.model)


async def _begin(request: Request, exchange: Exchange, content_type: str) -> Stream:
    """The stream; the one that was begun while the request waited, where there is one."""
    exchange.first_byte()
    if exchange.stream is None:
        return await open_stream(request, exchange, content_type)
    if backend := exchange.backend:  # its head went out before it was known who answers
        await exchange.stream.write(f": answered by {backend.id}, {backend.tier}\n\n".encode())
    return exchange.stream


async def _finish(stream: Stream) -> Stream:
    await stream.finish()
    return stream


async def _first_events(answer: EngineAnswer, splitter: EventSplitter) -> bytes:
    """Up to the first event with data; comments before it prove nothing."""
    events = bytearray()
    while chunk := await answer.chunk():
        events += (came := _events(answer, splitter, chunk))
        if data_of(came):
            return bytes(events)
        if len(events) > splitter.most:
            raise endless(answer.backend, "a first event", splitter.most)
    raise cut(answer.backend)


async def _next_events(exchange: Exchange, answer: EngineAnswer, splitter: EventSplitter) -> bytes:
    while chunk := await answer.chunk():
        exchange.patience.renew()
        if events := _events(answer, splitter, chunk):
            return events
    if splitter.rest.strip() == DONE.strip():  # an engine that saves the last blank line
        return DONE
    raise cut(answer.backend)


def _events(answer: EngineAnswer, splitter: EventSplitter, chunk: bytes) -> bytes:
    """
    Raises:
        ApiError: 502, one does not end.
    """
    try:
        return splitter.feed(chunk)
    except TooLong as error:
        raise endless(answer.backend, "an event", splitter.most) from error


def _request_headers(request: Request, exchange: Exchange, backend: Backend) -> dict[str, str]:
    """The only ones that mean something to an engine; above all not the client's own key or cookies."""
    headers = {"content-type": "application/json", "x-request-id": exchange.request_id}
    if accept := request.headers.get("accept"):
        headers["accept"] = accept
    if exchange.trace and backend.near:
        headers.update(exchange.trace.headers)
    return headers


async def _refused(exchange: Exchange, answer: EngineAnswer) -> ApiError:
    body = await answer.read_error()
    exchange.met = Outcome(answer.status, headers=answer.headers, body=body)
    return translate(answer.status, body, answer.backend, retry_after=answer.header("retry-after"))


def _raise_hidden_error(exchange: Exchange, body: bytes, answer: EngineAnswer) -> None:
    """An error under a status of 200."""
    if body.lstrip()[:8] == b'{"error"':
        raise _noted(exchange, translate_hidden(body, answer.backend))


def _document(body: bytes, answer: EngineAnswer) -> Any:
    """All that is asked for whole is JSON; what is not came from something between, or is half an answer.

    None where it is encoded, and nobody here reads it.
    """
    if answer.header("content-encoding"):
        return None
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ApiError(
            502,
            f"The engine behind {answer.backend.model} answered {answer.content_type} that is no JSON.",
            code="engine_bad_answer",
        ) from error


def _noted(exchange: Exchange, error: ApiError) -> ApiError:
    exchange.met = Outcome(error.status, body=error.body)
    return error


def _no_stream(answer: EngineAnswer) -> ApiError:
    return ApiError(
        502,
        f"The engine behind {answer.backend.model} answered {answer.content_type}, not the stream asked for.",
        code="engine_bad_answer",
    )


def _no_answer(backend: Backend, limits: Limits) -> ApiError:
    # OpenAI's clients would ask again, and the engine would again be busy for as long.
    return ApiError(
        504,
        f"The engine behind {backend.model} did not begin its answer within {limits.first_byte_seconds:g} s.",
        code="engine_timeout",
        headers={"x-should-retry": "false"},
    )


def _silent(backend: Backend, limits: Limits) -> ApiError:
    return ApiError(
        504,
        f"The engine behind {backend.model} said nothing more for {limits.idle_seconds:g} s; "
        "what came is incomplete.",
        code="engine_stalled",
    )
