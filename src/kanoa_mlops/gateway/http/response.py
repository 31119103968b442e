"""Answers: whole ones, and those that come in pieces."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True)
class Response:
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def head(self, more: Mapping[str, str]) -> Message:
        fields = {**self.headers, **more, "content-length": str(len(self.body))}
        return {"type": "http.response.start", "status": self.status, "headers": _encoded(fields)}


def json_response(document: Any, status: int = 200) -> Response:
    return Response(status, json.dumps(document).encode(), {"content-type": "application/json"})


class Stream:
    """Pieces of unknown length. Writing waits for a client that reads slowly."""

    status = 200

    def __init__(self, send: Send) -> None:
        self._send = send

    async def begin(self, headers: Mapping[str, str]) -> None:
        await self._send({"type": "http.response.start", "status": self.status, "headers": _encoded(headers)})

    async def write(self, piece: bytes) -> None:
        await self._send({"type": "http.response.body", "body": piece, "more_body": True})

    async def finish(self) -> None:
        await self._send({"type": "http.response.body"})


Answer = Response | Stream


def _encoded(headers: Mapping[str, str]) -> Iterable[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]
