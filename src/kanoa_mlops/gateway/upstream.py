"""The way to an engine and back. Every failure on it becomes an ApiError here and nowhere else."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp

from kanoa_mlops.gateway.backends import Backend
from kanoa_mlops.gateway.envelope import ApiError

_CONNECT_SECONDS = 5.0
_LONGEST_ERROR = 64 * 1024  # bytes read of an answer that is no success


def make_session(version: str) -> aiohttp.ClientSession:
    """The connections to all engines. How long an answer may take, the request's patience decides."""
    return aiohttp.ClientSession(
        # One connection a request: llama.cpp keeps a thread waiting for each that is kept alive, and closing
        # the connection is how an engine learns that nobody waits for the answer.
        connector=aiohttp.TCPConnector(limit=0, force_close=True),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        headers={"user-agent": f"kanoa-mlops/{version}", "accept-encoding": "identity"},
    )


class EngineAnswer:
    """An answer on its way: the head is here, the body still comes."""

    def __init__(self, response: aiohttp.ClientResponse, backend: Backend) -> None:
        self._response = response
        self.backend = backend
        self.status = response.status

    @property
    def content_type(self) -> str:
        return self._response.headers.get("content-type", "application/octet-stream")

    @property
    def is_stream(self) -> bool:
        return self._response.content_type == "text/event-stream"

    def header(self, name: str) -> str:
        return self._response.headers.get(name, "")

    async def read(self) -> bytes:
        """The whole body.

        Raises:
            ApiError: 502 where it ends before its end.
        """
        try:
            return await self._response.read()
        except (aiohttp.ClientError, ConnectionError) as error:
            raise cut(self.backend) from error

    async def read_error(self) -> bytes:
        """The beginning of a refusal's body, as far as it comes."""
        try:
            return await self._response.content.read(_LONGEST_ERROR)
        except (aiohttp.ClientError, ConnectionError):
            return b""

    async def chunk(self) -> bytes:
        """What has come since the last call; nothing at the end.

        Raises:
            ApiError: 502 where the connection broke.
        """
        try:
            return await self._response.content.readany()
        except (aiohttp.ClientError, ConnectionError) as error:
            raise cut(self.backend) from error


@asynccontextmanager
async def ask_engine(
    session: aiohttp.ClientSession, backend: Backend, path: str, body: bytes, headers: Mapping[str, str]
) -> AsyncIterator[EngineAnswer]:
    """Send a request. Leaving the context drops the connection, which ends the engine's work on it.

    Raises:
        ApiError: 502 when the engine cannot be reached or ends before it answers.
    """
    response = await _post(session, backend, path, body, {**headers, **backend.headers})
    try:
        yield EngineAnswer(response, backend)
    finally:
        response.close()


def cut(backend: Backend) -> ApiError:
    """The engine was answering and is no more."""
    return ApiError(
        502,
        f"The engine behind {backend.model} stopped in the middle of its answer; what came is incomplete.",
        code="engine_stream_cut",
    )


async def _post(
    session: aiohttp.ClientSession, backend: Backend, path: str, body: bytes, headers: Mapping[str, str]
) -> aiohttp.ClientResponse:
    try:
        # BytesIO is sent piece by piece; plain bytes of some megabytes would hold up everybody else.
        return await session.post(
            backend.url.rstrip("/") + path, data=io.BytesIO(body), headers=headers, allow_redirects=False
        )
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise ApiError(
            502, f"The engine behind {backend.model} cannot be reached.", code="engine_unreachable"
        ) from error
    except (aiohttp.ClientError, ConnectionError) as error:
        raise ApiError(
            502, f"The engine behind {backend.model} ended before it answered.", code="engine_ended"
        ) from error
