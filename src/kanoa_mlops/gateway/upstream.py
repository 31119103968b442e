"""The way to an engine and back. Every failure on it becomes an ApiError here and nowhere else."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import TracebackType

from kanoa_mlops.gateway.backends import Backend
from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.http.client import Asking, Barred, Broken, Client, Unreachable
from kanoa_mlops.gateway.http.connection import Connection
from kanoa_mlops.gateway.traffic import Flow
from kanoa_mlops.units import format_bytes

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

    async def read(self, most: int) -> bytes:
        """The whole body, of so many bytes at most.

        Raises:
            ApiError: 502 where it ends before its end, or does not end.
        """
        pieces, size = [], 0
        while piece := await self.chunk():
            pieces.append(piece)
            size += len(piece)
            if size > most:
                raise endless(self.backend, "its answer", most)
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


def ask_engine(
    client: Client,
    backend: Backend,
    path: str,
    body: bytes,
    headers: Mapping[str, str],
    flow: Flow | None = None,
) -> EngineAsking:
    """Send a request. Leaving before the answer's end drops the connection, and with it the engine's work.

    Args:
        flow: where its waits and bytes are counted.

    Raises:
        ApiError: 502 when the engine cannot be reached or ends before it answers.
    """
    asking = client.ask(
        "POST",
        backend.address(path),
        headers={**headers, **backend.headers},
        body=body,
        keep=backend.keeps_connections,
        beyond=not backend.near,
        once=backend.grant is not None,  # what is sent twice is paid for twice
    )
    return EngineAsking(asking, backend, flow or Flow())


class EngineAsking:
    """Around an engine's answer. By hand, as what `contextlib` makes of a generator costs a request 10 µs."""

    def __init__(self, asking: Asking, backend: Backend, flow: Flow) -> None:
        self._asking, self._backend, self._flow = asking, backend, flow

    async def __aenter__(self) -> EngineAnswer:
        try:
            with self._flow:
                connection = await self._asking.__aenter__()
        except (Unreachable, Broken) as error:
            raise _unanswered(error, self._backend) from error
        return EngineAnswer(connection, self._backend, self._flow)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._asking.__aexit__(kind, error, trace)


def _unanswered(error: Unreachable | Broken, backend: Backend) -> ApiError:
    if isinstance(error, Broken):
        return ApiError(
            502, f"The engine behind {backend.model} ended before it answered.", code="engine_ended"
        )
    if not isinstance(error, Barred):
        return ApiError(
            502, f"The engine behind {backend.model} cannot be reached.", code="engine_unreachable"
        )
    _log.warning("%s", error)
    return ApiError(
        502,
        f"The engine behind {backend.model} cannot be reached from here; the gateway's log says why.",
        code="engine_unreachable",
    )


def endless(backend: Backend, what: str, most: int) -> ApiError:
    """It sends and sends; nobody can keep all of that."""
    return ApiError(
        502,
        f"The engine behind {backend.model} sent {format_bytes(most)} without the end of {what}; no more "
        "is taken. Ask for less at once, or see the engine's log.",
        code="engine_bad_answer",
    )


def cut(backend: Backend) -> ApiError:
    """The engine was answering and is no more."""
    return ApiError(
        502,
        f"The engine behind {backend.model} stopped in the middle of its answer; what came is incomplete.",
        code="engine_stream_cut",
    )
