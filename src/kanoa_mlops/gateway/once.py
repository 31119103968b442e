"""What most gateways are never asked for, loaded with the first request for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Generic, TypeVar

from kanoa_mlops.gateway.answering import Handler
from kanoa_mlops.gateway.exchange import Exchange
from kanoa_mlops.gateway.http.request import Request
from kanoa_mlops.gateway.http.response import Answer

T = TypeVar("T")
Handlers = Mapping[tuple[str, str], Handler]
"""By method and route."""


class Once(Generic[T]):
    """Made in a thread, as streams run on meanwhile; who comes while it is made waits for the same."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._making: asyncio.Task[T] | None = None
        self.made: T | None = None

    async def get(self) -> T:
        """What fails is made anew for the next who asks."""
        if self.made is not None:
            return self.made
        self._making = self._making or asyncio.create_task(self._run())
        return await asyncio.shield(self._making)  # who leaves does not take it from the others

    async def _run(self) -> T:
        try:
            self.made = made = await asyncio.to_thread(self._make)
        finally:
            self._making = None
        return made


def handlers_once(which: Iterable[tuple[str, str]], get: Callable[[], Awaitable[Handlers]]) -> Handlers:
    """For these methods and routes, handlers that are got with the first request for one."""

    async def handle(key: tuple[str, str], request: Request, exchange: Exchange) -> Answer:
        handlers = await get()
        return await handlers[key](request, exchange)

    return {key: partial(handle, key) for key in which}
