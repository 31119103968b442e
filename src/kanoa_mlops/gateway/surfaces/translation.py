"""One request in another API's words, and how its answer is put back into them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from kanoa_mlops.gateway.events import DONE, data_of
from kanoa_mlops.gateway.exchange import Exchange
from kanoa_mlops.gateway.http.response import Response
from kanoa_mlops.gateway.surfaces.chunk import Chunk, parse_chunk, parse_event


class Translation(Protocol):
    """Lives as long as its request. What its methods give goes out as it is; often nothing."""

    body: bytes
    """The request in the gateway's own words."""
    content_type: str
    """Of the answer, where it is a stream."""

    def whole(self, answer: bytes) -> bytes: ...

    def chunk(self, chunk: Chunk) -> bytes: ...

    def waiting(self, comment: bytes) -> bytes:
        """Nothing was said yet; an event without data says that the connection lives."""
        ...

    def done(self) -> bytes: ...

    def failed(self, error: Mapping[str, Any]) -> bytes:
        """The stream ends here, with the error object of the gateway's envelope."""
        ...


class AnsweredHere(Exception):
    """There is nothing in the request that a model has to be asked for."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


@dataclass(frozen=True)
class Durations:
    """Of one request until now, in seconds."""

    total: float
    held: float
    """Waiting for the model to be loaded."""
    first: float
    """Until the answer began; all of it where that came whole."""


def durations(exchange: Exchange) -> Durations:
    total = exchange.seconds
    return Durations(total, exchange.held_seconds, exchange.first_byte_seconds or total)


def translate(events: bytes, into: Translation) -> bytes:
    """Some whole events of a chat completion's stream.

    Raises:
        ApiError: 502, the engine sent what is no event of a chat completion.
    """
    found = data_of(events)
    if not found:
        return into.waiting(events) if events else b""
    return b"".join(_one(data, into) for data in found)


def _one(data: bytes, into: Translation) -> bytes:
    if data == _END:
        return into.done()
    value = parse_event(data)
    if error := value.get("error"):
        return into.failed(error if isinstance(error, dict) else {"message": str(error)})
    return into.chunk(parse_chunk(value))


[_END] = data_of(DONE)
