"""An engine that misbehaves on purpose. The text of the request says how, so one engine serves every test.

In a test: `async with FakeEngine() as engine: ... engine.url`. By hand: `python -m tests.fakes.engine 9000`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from tests.fakes.listening import listen
from tests.fakes.turns import TURNS, Turn

WORDS = ("The", " sales", " rise", ".")
USAGE = {"prompt_tokens": 7, "completion_tokens": 4, "total_tokens": 11}
ENORMOUS = 24_000_000
"""Bytes."""
HUGE = "x" * 3_000_000


@dataclass(frozen=True)
class Received:
    """A request as the engine got it."""

    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def fields(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.body)
        return value

    @property
    def text(self) -> str:
        """The last thing that was said: what the engine does depends on it."""
        said = self.fields.get("messages", [{}])[-1].get("content") or self.fields.get("prompt")
        if isinstance(said, list):
            said = said[-1].get("text", "")
        return said if isinstance(said, str) else ""


@dataclass
class FakeEngine:
    """Answers like an engine, or as badly as the request asks for."""

    port: int = 0
    received: list[Received] = field(default_factory=list)
    disconnects: int = 0
    """Requests whose client left before their end."""
    running: int = 0
    most: int = 0
    """That were ever running at the same time."""
    always: str = ""
    """What it does whatever the request says."""
    remembers: bool = True
    """Keeps what it received."""

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2**30)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner, self.port = await listen(app, port=self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        received = Received(request.path, headers, await request.read())
        if request.method == "GET":  # from whoever watches it
            return web.json_response({"status": "ok"}, status=200 if received.path == "/health" else 404)
        if self.remembers:
            self.received.append(received)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            return await _BEHAVIOURS.get(self.always or received.text, _answer)(request, received)
        except asyncio.CancelledError:
            self.disconnects += 1
            raise
        finally:
            self.running -= 1


Behaviour = Callable[[web.Request, Received], Awaitable[web.StreamResponse]]


def chunk(word: str | None = None, **fields: Any) -> bytes:
    """One event of a streamed chat answer, exactly as this engine sends it."""
    choices = [{"index": 0, "delta": {"content": word}}] if word is not None else []
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "choices": choices}
    return _event(head | fields)


async def _answer(request: web.Request, received: Received) -> web.StreamResponse:
    """As it should be."""
    if received.path.endswith("/embeddings"):
        return web.json_response({"object": "list", "data": [{"embedding": [0.5]}], "usage": USAGE})
    if received.path.endswith("/rerank"):
        return web.json_response({"results": [{"index": 0, "relevance_score": 0.5}], "usage": USAGE})
    if not received.fields.get("stream"):
        return _whole(received)
    events = [chunk(word) for word in WORDS]
    if (received.fields.get("stream_options") or {}).get("include_usage"):
        events.append(chunk(usage=USAGE))
    return await _stream(request, [*events, b"data: [DONE]\n\n"])


async def _without_usage(request: web.Request, received: Received) -> web.StreamResponse:
    return await _stream(request, [chunk(word) for word in WORDS] + [b"data: [DONE]\n\n"])


async def _json_for_stream(request: web.Request, received: Received) -> web.StreamResponse:
    return _whole(received)


async def _page_for_stream(request: web.Request, received: Received) -> web.StreamResponse:
    return web.Response(text="<h1>Welcome</h1>", content_type="text/html")


async def _stall_before_headers(request: web.Request, received: Received) -> web.StreamResponse:
    await asyncio.sleep(3600)
    raise AssertionError("nobody waits that long")


async def _stall_after_headers(request: web.Request, received: Received) -> web.StreamResponse:
    await _begin(request)
    return await _stall_before_headers(request, received)


async def _stall_mid_stream(request: web.Request, received: Received) -> web.StreamResponse:
    response = await _begin(request)
    await response.write(chunk("The"))
    return await _stall_before_headers(request, received)


async def _talk_forever(request: web.Request, received: Received) -> web.StreamResponse:
    response = await _begin(request)
    while True:
        await response.write(chunk(" and"))
        await asyncio.sleep(0.01)


async def _flood(request: web.Request, received: Received) -> web.StreamResponse:
    """Far more than any socket buffer holds."""
    response = await _begin(request)
    while True:
        await response.write(chunk("x" * 100_000))


async def _comment_forever(request: web.Request, received: Received) -> web.StreamResponse:
    response = await _begin(request)
    while True:
        await response.write(b": still here\n\n" * 10_000)


async def _event_without_end(request: web.Request, received: Received) -> web.StreamResponse:
    response = await _begin(request)
    while True:
        await response.write(b"data: " + b"x" * 100_000)


async def _event_without_end_later(request: web.Request, received: Received) -> web.StreamResponse:
    response = await _begin(request)
    await response.write(chunk("The"))
    while True:
        await response.write(b"data: " + b"x" * 100_000)


async def _answer_without_end(request: web.Request, received: Received) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-type": "application/json"})
    await response.prepare(request)
    while True:
        await response.write(b'{"choices": [' + b" " * 100_000)


async def _cut_before_headers(request: web.Request, received: Received) -> web.StreamResponse:
    return _cut(request)


async def _cut_after_headers(request: web.Request, received: Received) -> web.StreamResponse:
    await _begin(request)
    return _cut(request)


async def _cut_between_events(request: web.Request, received: Received) -> web.StreamResponse:
    response = await _begin(request)
    await response.write(chunk("The") + chunk(" sales"))
    return _cut(request)


async def _cut_mid_event(request: web.Request, received: Received) -> web.StreamResponse:
    response = await _begin(request)
    await response.write(chunk("The") + chunk(" sales")[:40])
    return _cut(request)


async def _cut_mid_json(request: web.Request, received: Received) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-type": "application/json", "content-length": "1000"})
    await response.prepare(request)
    await response.write(b'{"choices": [')
    return _cut(request)


async def _end_without_done(request: web.Request, received: Received) -> web.StreamResponse:
    return await _stream(request, [chunk("The")])


async def _done_without_blank_line(request: web.Request, received: Received) -> web.StreamResponse:
    return await _stream(request, [chunk("The"), b"data: [DONE]\n"])


async def _byte_by_byte(request: web.Request, received: Received) -> web.StreamResponse:
    whole = b"".join(chunk(word) for word in WORDS) + b"data: [DONE]\n\n"
    response = await _begin(request)
    for byte in whole:
        await response.write(bytes([byte]))
        await asyncio.sleep(0)
    return response


async def _crlf_events(request: web.Request, received: Received) -> web.StreamResponse:
    events = [chunk(word) for word in WORDS] + [b": a comment\n\n", b"data: [DONE]\n\n"]
    return await _stream(request, [each.replace(b"\n", b"\r\n") for each in events])


async def _huge_event(request: web.Request, received: Received) -> web.StreamResponse:
    return await _stream(request, [chunk(HUGE), b"data: [DONE]\n\n"])


async def _enormous_event(request: web.Request, received: Received) -> web.StreamResponse:
    return await _stream(request, [chunk("x" * ENORMOUS), b"data: [DONE]\n\n"])


async def _saying_done(request: web.Request, received: Received) -> web.StreamResponse:
    """A model whose words look like the protocol."""
    words = ["\n\ndata: [DONE]\n\n", '"usage": {"prompt_tokens": 1}', '\ndata: {"error": 1}\n\n']
    return await _stream(request, [chunk(word) for word in words] + [b"data: [DONE]\n\n"])


async def _comments_then_answer(request: web.Request, received: Received) -> web.StreamResponse:
    return await _stream(request, [b": waiting\n\n", chunk("The"), b"data: [DONE]\n\n"])


async def _error_event_first(request: web.Request, received: Received) -> web.StreamResponse:
    return await _stream(request, [_event({"error": {"message": "no slot is free", "code": 503}})])


async def _error_event_later(request: web.Request, received: Received) -> web.StreamResponse:
    failed = _event({"error": {"message": "the GPU fell off the bus", "code": 500, "type": "server_error"}})
    return await _stream(request, [chunk("The"), failed, b"data: [DONE]\n\n"])


async def _error_with_200(request: web.Request, received: Received) -> web.StreamResponse:
    return web.json_response({"error": {"message": "out of memory"}})


async def _say_nothing(request: web.Request, received: Received) -> web.StreamResponse:
    message = {"role": "assistant", "content": " \n"}
    return web.json_response({"choices": [{"message": message, "finish_reason": "stop"}], "usage": USAGE})


async def _busy(request: web.Request, received: Received) -> web.StreamResponse:
    error = {"code": 503, "message": "Loading model", "type": "unavailable_error"}
    return web.json_response({"error": error}, status=503, headers={"retry-after": "7"})


async def _after_a_while(request: web.Request, received: Received) -> web.StreamResponse:
    await asyncio.sleep(0.3)
    return await _answer(request, received)


async def _enormous(request: web.Request, received: Received) -> web.StreamResponse:
    """Whole, and far more than any socket buffer holds."""
    message = {"role": "assistant", "content": "x" * ENORMOUS}
    return web.json_response({"id": "c1", "choices": [{"index": 0, "message": message}], "usage": USAGE})


async def _at_length(request: web.Request, received: Received) -> web.StreamResponse:
    response = await _begin(request)
    for word in WORDS * 4:
        await response.write(chunk(word))
        await asyncio.sleep(0.03)
    await response.write(chunk(usage=USAGE) + b"data: [DONE]\n\n")
    return response


async def _unavailable(request: web.Request, received: Received) -> web.StreamResponse:
    return web.json_response({"error": {"message": "overloaded"}}, status=503)


async def _unavailable_chunked(request: web.Request, received: Received) -> web.StreamResponse:
    """As a proxy before an engine sends it; what comes after the head may come late."""
    response = web.StreamResponse(status=503, headers={"content-type": "application/json"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    for piece in (b'{"error": {"mess', b'age": "overloaded"}}'):
        await response.write(piece)
        await asyncio.sleep(0.01)
    return response


async def _limited(request: web.Request, received: Received) -> web.StreamResponse:
    error = {"message": "Rate limit reached", "code": "rate_limit_exceeded"}
    return web.json_response({"error": error}, status=429, headers={"retry-after": "7"})


async def _unpaid(request: web.Request, received: Received) -> web.StreamResponse:
    return web.json_response({"error": "You have depleted your monthly included credits."}, status=402)


async def _wrong_json(request: web.Request, received: Received) -> web.StreamResponse:
    return web.Response(body=b'{"choices": [{"message": ', content_type="application/json")


async def _wrong_event(request: web.Request, received: Received) -> web.StreamResponse:
    return await _stream(request, [chunk("The"), b'data: {"choices": [{\n\n', b"data: [DONE]\n\n"])


async def _broken_page(request: web.Request, received: Received) -> web.StreamResponse:
    page = "<html><style>p {color: red}</style><h1>Internal Server Error</h1><p>worker died</p></html>"
    return web.Response(status=500, text=page, content_type="text/html")


async def _redirect(request: web.Request, received: Received) -> web.StreamResponse:
    return web.Response(status=302, headers={"location": "http://127.0.0.1:1/elsewhere"})


async def _unauthorized(request: web.Request, received: Received) -> web.StreamResponse:
    return web.json_response({"error": {"message": "Invalid API Key", "code": 401}}, status=401)


async def _too_long(request: web.Request, received: Received) -> web.StreamResponse:
    error = {
        "code": 400,
        "message": "request (9031 tokens) exceeds the available context size (4096 tokens)",
        "type": "exceed_context_size_error",
        "n_prompt_tokens": 9031,
        "n_ctx": 4096,
    }
    return web.json_response({"error": error}, status=400)


async def _too_long_later(request: web.Request, received: Received) -> web.StreamResponse:
    """llama.cpp, where the answer grows over the context."""
    refusal = await _too_long(request, received)
    assert isinstance(refusal, web.Response) and isinstance(refusal.body, bytes)
    return await _stream(request, [chunk("The"), b"data: " + refusal.body + b"\n\n"])


def _take(turn: Turn) -> Behaviour:
    async def answer(request: web.Request, received: Received) -> web.StreamResponse:
        ended = {"index": 0, "delta": {}, "finish_reason": turn.finish}
        if not received.fields.get("stream"):
            message = {"role": "assistant", **turn.message}
            choice = {"index": 0, "message": message, "finish_reason": turn.finish}
            return web.json_response({"id": "c1", "choices": [choice], "usage": USAGE})
        events = [chunk(choices=[{"index": 0, "delta": delta}]) for delta in turn.deltas]
        events += [chunk(choices=[ended]), chunk(usage=USAGE), b"data: [DONE]\n\n"]
        return await _stream(request, events)

    return answer


_BEHAVIOURS: dict[str, Behaviour] = {
    **{name: _take(turn) for name, turn in TURNS.items()},
    "no usage": _without_usage,
    "json for stream": _json_for_stream,
    "page for stream": _page_for_stream,
    "stall before headers": _stall_before_headers,
    "stall after headers": _stall_after_headers,
    "stall mid-stream": _stall_mid_stream,
    "talk forever": _talk_forever,
    "flood": _flood,
    "comment forever": _comment_forever,
    "event without end": _event_without_end,
    "event without end later": _event_without_end_later,
    "answer without end": _answer_without_end,
    "cut before headers": _cut_before_headers,
    "cut after headers": _cut_after_headers,
    "cut between events": _cut_between_events,
    "cut mid-event": _cut_mid_event,
    "cut mid-json": _cut_mid_json,
    "end without done": _end_without_done,
    "done without blank line": _done_without_blank_line,
    "byte by byte": _byte_by_byte,
    "crlf events": _crlf_events,
    "huge event": _huge_event,
    "enormous event": _enormous_event,
    "say done": _saying_done,
    "comments first": _comments_then_answer,
    "error event first": _error_event_first,
    "error event later": _error_event_later,
    "error with 200": _error_with_200,
    "say nothing": _say_nothing,
    "busy": _busy,
    "broken page": _broken_page,
    "redirect": _redirect,
    "unauthorized": _unauthorized,
    "too long": _too_long,
    "too long later": _too_long_later,
    "after a while": _after_a_while,
    "at length": _at_length,
    "enormous": _enormous,
    "unavailable": _unavailable,
    "unavailable, chunked": _unavailable_chunked,
    "limited": _limited,
    "unpaid": _unpaid,
    "wrong json": _wrong_json,
    "wrong event": _wrong_event,
}


def _event(value: object) -> bytes:
    return b"data: " + json.dumps(value, separators=(",", ":")).encode() + b"\n\n"


def _whole(received: Received) -> web.Response:
    text = "".join(WORDS)
    said: dict[str, Any] = {"text": text}
    kind = "text_completion"
    if received.path.endswith("/chat/completions"):
        kind, said = "chat.completion", {"message": {"role": "assistant", "content": text}}
    choices = [{"index": 0, **said, "finish_reason": "stop"}]
    return web.json_response({"id": "c1", "object": kind, "created": 1, "choices": choices, "usage": USAGE})


async def _begin(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-type": "text/event-stream", "set-cookie": "a=b"})
    await response.prepare(request)
    return response


async def _stream(request: web.Request, events: list[bytes]) -> web.StreamResponse:
    response = await _begin(request)
    for each in events:
        await response.write(each)
    return response


def _cut(request: web.Request) -> web.StreamResponse:
    """Gone, as when the process is killed; what was written before still arrives."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def _serve(port: int) -> None:
    async with FakeEngine(port, remembers=False) as engine:
        print(engine.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
