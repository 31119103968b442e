"""Requests for a model that is not loaded: held until it is, and kept alive meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from kanoa_mlops.errors import KanoaError
from kanoa_mlops.gateway.backends import Backend, Backends
from kanoa_mlops.gateway.body import Asked
from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.exchange import Exchange
from kanoa_mlops.gateway.heartbeat import Heartbeat
from kanoa_mlops.gateway.http.request import Request
from kanoa_mlops.gateway.http.response import Answer
from kanoa_mlops.gateway.limits import Limits

_RETRY_AFTER = {"retry-after": "10"}  # seconds; a loader that failed rests for as long
_ENGINE_GONE = ("engine_unreachable", "engine_ended", "engine_stream_cut")
_PAUSES = (
    0.5,
    2.0,
)  # seconds before each further try; whoever runs the engine must first see that it is gone


class Loader(Protocol):
    """Who can start what is on demand: models that do not all fit at once, machines that are off.

    Joined to the gateway at start.
    """

    def using(self, backend: str, tell: Callable[[str], None], /) -> AbstractAsyncContextManager[None]:
        """Holds it started while inside; entering waits until it is and has its turn. Who has waited for too
        long, or whose client has left, is cancelled.

        Args:
            backend: its id; of one that is loaded here, the model's.
            tell: is given in words what is waited for, whenever that changes.

        Raises:
            KanoaError: on entering: it could not be loaded, and why.
        """
        ...


@dataclass(frozen=True)
class Holding:
    """Has a model loaded for as long as a request needs it."""

    loader: Loader
    backends: Backends
    limits: Limits

    async def send(
        self,
        request: Request,
        exchange: Exchange,
        asked: Asked,
        backend: Backend,
        forward: Callable[[Backend], Awaitable[Answer]],
    ) -> Answer:
        """Load and forward; and again where the engine died before anything of its answer went out.

        Raises:
            ApiError: 503 where it cannot be loaded, and what `forward` raises.
        """

        async def once() -> Answer:
            async with self.loaded(request, exchange, asked, backend) as ready:
                return await forward(ready)

        for pause in _PAUSES:
            try:
                return await once()
            except ApiError as error:
                if error.code not in _ENGINE_GONE or exchange.begun:
                    raise
            await asyncio.sleep(pause)
        return await once()

    @asynccontextmanager
    async def loaded(
        self, request: Request, exchange: Exchange, asked: Asked, backend: Backend
    ) -> AsyncIterator[Backend]:
        """The backend as it is once its engine answers, wherever that is now.

        Raises:
            ApiError: 503 with the reason.
        """
        began = time.monotonic()
        exchange.patience.allow(self.limits.loading_seconds, partial(_too_long, backend, self.limits))
        async with AsyncExitStack() as stack:
            async with self._heartbeat(request, exchange, asked) as heartbeat:
                tell = heartbeat.tell if heartbeat else _to_nobody
                try:
                    await stack.enter_async_context(self.loader.using(backend.id, tell))
                except KanoaError as error:
                    raise _not_loaded(error) from error
                finally:
                    exchange.held_seconds += time.monotonic() - began
            yield self.backends.get(backend.id) or backend

    def _heartbeat(
        self, request: Request, exchange: Exchange, asked: Asked
    ) -> AbstractAsyncContextManager[Heartbeat | None]:
        if asked.stream:
            return Heartbeat(request, exchange, self.limits)
        return nullcontext()


def _to_nobody(words: str) -> None:
    """Who waits for a whole answer hears nothing before it."""


def _not_loaded(error: KanoaError) -> ApiError:
    return ApiError(503, error.message, code="model_not_loaded", headers=_RETRY_AFTER)


def _too_long(backend: Backend, limits: Limits) -> ApiError:
    return ApiError(
        503,
        f"{backend.model} was not loaded within {limits.loading_seconds:g} s.",
        code="model_not_loaded",
        headers=_RETRY_AFTER,
    )
