"""Runs inside vLLM (`--middleware`): its key for all of it. Left alone, `/invocations` answers without one.

vLLM asks for its key below `/v1` and a few other paths alone: https://docs.vllm.ai/en/latest/usage/security.html.
This folder is all that is put on the path of that Python, which has nothing else of ours.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from vllm import envs

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

_OPEN = ("/health", "/metrics")
"""Tell nothing of what is asked and answered."""


class WholeKey:
    """An ASGI middleware that lets nobody in who lacks the key."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._wanted = f"Bearer {envs.VLLM_API_KEY}".encode()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or scope["path"] in _OPEN or self._has_key(scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            headers = [(b"content-type", b"application/json")]
            await send({"type": "http.response.start", "status": 401, "headers": headers})
            await send({"type": "http.response.body", "body": b'{"error": "Unauthorized"}'})
        else:
            await send({"type": "websocket.close", "code": 1008})

    def _has_key(self, scope: Message) -> bool:
        given = dict(scope["headers"]).get(b"authorization", b"")
        return hmac.compare_digest(given, self._wanted)
