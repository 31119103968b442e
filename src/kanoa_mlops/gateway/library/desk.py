"""What every request for files and vector stores goes through: who asks, what they sent, work in threads."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import ParamSpec, TypeVar

from kanoa_mlops.errors import (
    BadFilter,
    CollectionExpired,
    DiskFull,
    KanoaError,
    KeptElsewhere,
    MissingExtra,
    QueueFull,
    RetrieverFailed,
    UnknownBatch,
    UnknownCollection,
    UnknownFile,
)
from kanoa_mlops.gateway.body import read_body
from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.exchange import Exchange
from kanoa_mlops.gateway.guest import Guest
from kanoa_mlops.gateway.http.request import Request
from kanoa_mlops.gateway.limits import Limits
from kanoa_mlops.gateway.reception import Reception
from kanoa_mlops.gateway.surfaces.given import G, read, unserved
from kanoa_mlops.grounding.archive import Reader
from kanoa_mlops.grounding.library import Library

P = ParamSpec("P")
T = TypeVar("T")
_WORK_SECONDS = 120.0
"""For what is asked of the library; a search ends of itself in less."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Desk:
    library: Library
    reception: Reception | None
    limits: Limits
    threads: ThreadPoolExecutor
    """Of its own, as what waits for a provider's store must not hold up others."""

    async def admit(self, request: Request, exchange: Exchange) -> Reader:
        """
        Raises:
            ApiError: 401 without a good key where one is wanted, 429 where the key had its share.
        """
        exchange.guest = guest = await self.reception.admit(request.headers) if self.reception else Guest()
        return Reader(guest.id)

    async def body(self, request: Request, exchange: Exchange, kind: type[G]) -> G:
        """
        Raises:
            ApiError: 400, naming the field; 408; 413.
        """
        self.wait_for_body(exchange)
        return read(kind, await read_body(request, self.limits.max_body_bytes, exchange.patience))

    def wait_for_body(self, exchange: Exchange) -> None:
        exchange.patience.allow(self.limits.idle_seconds, partial(_stalled, self.limits))

    async def work(
        self, exchange: Exchange, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """In a thread.

        Raises:
            ApiError: whatever went wrong.
        """
        exchange.patience.allow(_WORK_SECONDS, _too_long)
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self.threads, partial(function, *args, **kwargs))
        except KanoaError as error:
            raise as_api_error(error) from error


def as_api_error(error: KanoaError) -> ApiError:
    """What is nobody's here and what is not there are one thing to whoever asks."""
    match error:
        case UnknownCollection():
            return ApiError(404, error.message, code="vector_store_not_found", param="vector_store_id")
        case UnknownFile():
            return ApiError(404, error.message, code="file_not_found", param="file_id")
        case UnknownBatch():
            return ApiError(404, error.message, code="batch_not_found", param="batch_id")
        case CollectionExpired():
            return ApiError(400, error.message, code="vector_store_expired", param="vector_store_id")
        case KeptElsewhere():
            return unserved(error.message, "vector_store_id")
        case BadFilter():
            return ApiError(400, error.message, code="invalid_value", param="filters")
        case QueueFull():
            return ApiError(429, error.message, code="too_many_files_waiting", headers={"retry-after": "30"})
        case DiskFull():
            return ApiError(507, error.message, code="disk_full", headers={"x-should-retry": "false"})
        case MissingExtra():
            message = f"{error.message} {error.hint}".strip()
            return ApiError(501, message, code="not_supported", headers={"x-should-retry": "false"})
        case RetrieverFailed():
            return ApiError(502, error.message, code="retrieval_failed")
    # Its words may name paths of the owner's.
    _log.error("the library cannot be used: %s", error.message)
    return ApiError(503, "The library cannot be used now; the gateway's log says why.", code="library_failed")


def _stalled(limits: Limits) -> ApiError:
    return ApiError(
        408,
        f"The request stopped arriving for {limits.idle_seconds:g} s.",
        code="request_stalled",
        headers={"connection": "close"},
    )


def _too_long() -> ApiError:
    return ApiError(
        504,
        f"The library did not come to an end within {_WORK_SECONDS:g} s.",
        code="timeout",
        headers={"x-should-retry": "false"},
    )
