"""A route of another API, answered by the gateway's own handler, which admits, counts and books as ever."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kanoa_mlops.gateway.answering import Handler
from kanoa_mlops.gateway.body import read_body
from kanoa_mlops.gateway.exchange import Exchange
from kanoa_mlops.gateway.http.request import Request
from kanoa_mlops.gateway.http.response import Answer, Response, Stream
from kanoa_mlops.gateway.surfaces.translation import AnsweredHere, Translation, translate

Translator = Callable[[bytes, Exchange], Translation]
"""From a body in the other API's words.

Raises:
    ApiError: 400, it makes no sense or asks for what is not served.
    AnsweredHere: no model has to be asked.
"""


@dataclass(frozen=True)
class Surface:
    route: str
    """The gateway's own route that answers."""
    translator: Translator
    ordinary: Handler
    """What answers that route."""
    max_body_bytes: int

    async def answer(self, request: Request, exchange: Exchange) -> Answer:
        asked = _Translated(request, exchange, self)
        # Engines are asked by the route; logs and metrics know the one the client asked.
        given, exchange.route = exchange.route, self.route
        try:
            answer = await self.ordinary(asked, exchange)
        except AnsweredHere as here:
            return here.response
        finally:
            exchange.route = given
        if isinstance(answer, Stream):
            return answer
        body = asked.translation.whole(answer.body)
        return Response(answer.status, body, {"content-type": "application/json"})


class _Translated(Request):
    """The request as the ordinary handler sees it.

    Its body is only read when that asks for it, since who may not come in is to be refused before.
    """

    translation: Translation

    def __init__(self, given: Request, exchange: Exchange, surface: Surface) -> None:
        super().__init__(given._scope, given._receive, given._send)
        self._given, self._exchange, self._surface = given, exchange, surface
        # The given one is taken apart by its encoding; what comes of it has none.
        self.headers = {name: value for name, value in given.headers.items() if name != "content-encoding"}

    async def piece(self) -> bytes:
        if self._read:
            return b""
        self._read = True
        raw = await read_body(self._given, self._surface.max_body_bytes, self._exchange.patience)
        self.translation = self._surface.translator(raw, self._exchange)
        return self.translation.body

    async def stream(self, headers: Mapping[str, str]) -> Stream:
        own = {**headers, "content-type": self.translation.content_type}
        return _TranslatedStream(await super().stream(own), self.translation)


class _TranslatedStream(Stream):
    """Takes a chat completion's events."""

    def __init__(self, under: Stream, translation: Translation) -> None:
        self._under, self._translation = under, translation

    async def write(self, piece: bytes) -> None:
        if translated := translate(piece, self._translation):
            await self._under.write(translated)

    async def finish(self) -> None:
        await self._under.finish()
