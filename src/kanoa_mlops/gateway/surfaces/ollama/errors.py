"""Errors as Ollama words them, for whoever asks at its paths."""

from __future__ import annotations

import json
from typing import Any

from kanoa_mlops.gateway.answering import Answering
from kanoa_mlops.gateway.http.request import Receive, Scope
from kanoa_mlops.gateway.http.response import Message, Send

_PREFIX = "/api/"


class AnsweringOllamaToo(Answering):
    """The envelope of a refusal at Ollama's paths becomes `{"error": "..."}`.

    Around all of it, since some refusals come before any handler, and others after.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        said = _Reworded(send) if scope["path"].startswith(_PREFIX) else send
        await super().__call__(scope, receive, said)


class _Reworded:
    def __init__(self, send: Send) -> None:
        self._send = send
        self._head: Message | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] >= 400:
            self._head = message  # its length is not known yet
            return
        if self._head:
            message = {**message, "body": reworded(message.get("body", b""))}
            await self._send(_with_length(self._head, len(message["body"])))
            self._head = None
        await self._send(message)


def reworded(envelope: bytes) -> bytes:
    """The gateway's envelope in Ollama's words; anything else as it is."""
    try:
        value: Any = json.loads(envelope)
        return json.dumps({"error": value["error"]["message"]}).encode()
    except (ValueError, TypeError, KeyError):
        return envelope


def _with_length(head: Message, length: int) -> Message:
    others = [(name, value) for name, value in head["headers"] if name != b"content-length"]
    return {**head, "headers": [*others, (b"content-length", str(length).encode())]}
