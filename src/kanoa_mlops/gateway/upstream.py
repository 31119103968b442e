"""The way to an engine and back. Every failure on it becomes an ApiError here and nowhere else."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from kanoa_mlops.gateway.backends import Backend
from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.http.client import Barred, Broken, Client, Unreachable
from kanoa_mlops.gateway.http.connection import Connection
from kanoa_mlops.gateway.traffic import Flow

_log = logging.getLogger(__name__)
_LONGEST_ERROR = 64 * 1024  # bytes read of an answer that is no success


class EngineAnswer:
    """An answer on its way: the head is here, the body still comes."""

    def __init__(self, connection: Connection, backend: Backend, flow: Flow) -> None:
        self._connection = connection
        self._flow = flow
        self.backend = backend
        self.status = connection.status

    @property
    def content_type(self) -> str:
        return self.header("content-type") or "application/octet-stream"

    @property
    def is_stream(self) -> bool:
        return self.content_type.partition(";")[0].strip().lower() == "text/event-stream"

    @property
    def headers(self) -> Mapping[str, str]:
        """Names in lower case."""
        return self._connection.headers

    def header(self, name: str) -> str:
        return self._connection.headers.get(name, "")

    async def read(self) -> bytes:
        """The whole body.

        Raises:
            ApiError: 502 where it ends before its end.
        """
        pieces = []
        while piece := await self.chunk():
            pieces.append(piece)
        return b"".join(pieces)

    async def read_error(self) -> bytes:
        """The beginning of a refusal's body, as far as it comes."""
        body = b""
        try:
            while len(body) < _LONGEST_ERROR and (piece := await self._connection.chunk()):
                body += piece
        except Broken:
            pass
        self._flow.received_bytes += len(body)
        return body

    async def chunk(self) -> bytes:
        """What has come since the last call; nothing at the end.

        Raises:
            ApiError: 502 where the connection broke.
        """
        try:
            with self._flow:
                piece = await self._connection.chunk()
        except Broken as error:
            raise cut(self.backend) from error
        self._flow.received_bytes += len(piece)
        return piece


@asynccontextmanager
async def ask_engine(
    client: Client,
    backend: Backend,
    path: str,
    body: bytes,
    headers: Mapping[str, str],
    flow: Flow | None = None,
) -> AsyncIterator[EngineAnswer]:
    """Send a request. Leaving before the answer's end drops the connection, and with it the engine's work.

    Args:
        flow: where its waits and bytes are counted.

    Raises:
        ApiError: 502 when the engine cannot be reached or ends before it answers.
    """
    url, fields = backend.address(path), {**headers, **backend.headers}
    flow = flow or Flow()
    waiting = 1  # for the head; counted by hand, as a stack of contexts costs every request 10 µs
    flow.waiting += waiting
    try:
        async with client.ask(
            "POST",
            url,
            headers=fields,
            body=body,
            keep=backend.keeps_connections,
            beyond=not backend.near,
            once=backend.grant is not None,  # what is sent twice is paid for twice
        ) as connection:
            flow.waiting -= waiting
            waiting = 0
            yield EngineAnswer(connection, backend, flow)
    except Barred as error:
        _log.warning("%s", error)
        raise ApiError(
            502,
            f"The engine behind {backend.model} cannot be reached from here; the gateway's log says why.",
            code="engine_unreachable",
        ) from error
    except Unreachable as error:
        raise ApiError(
            502, f"The engine behind {backend.model} cannot be reached.", code="engine_unreachable"
        ) from error
    except Broken as error:  # later ones the answer tells itself
        raise ApiError(
            502, f"The engine behind {backend.model} ended before it answered.", code="engine_ended"
        ) from error
    finally:
        flow.waiting -= waiting


def cut(backend: Backend) -> ApiError:
    """The engine was answering and is no more."""
    return ApiError(
        502,
        f"The engine behind {backend.model} stopped in the middle of its answer; what came is incomplete.",
        code="engine_stream_cut",
    )
