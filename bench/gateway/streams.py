"""Many streams at once, read by as little as reads one."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

from bench.gateway.peer import Peer
from bench.gateway.static_upstream import Kind
from bench.gateway.wrk import Load

_END = b"data: [DONE]"
_WAVE_SECONDS = 120.0
_OPENING = 100
"""Streams being opened at the same time."""


@dataclass(frozen=True)
class Opened:
    """How many of the streams that were to be open are."""

    count: int


async def run_streams(peer: Peer, parallel: int, seconds: float) -> Load:
    """Waves of so many streams, each to its end, until the seconds are over; at least one wave."""
    took: list[float] = []
    wrong = 0
    began = time.perf_counter()
    while not took or time.perf_counter() - began < seconds:
        streams = [_Stream(peer, "stream") for _ in range(parallel)]
        await asyncio.gather(*(stream.open() for stream in streams))
        await asyncio.wait([stream.ended for stream in streams], timeout=_WAVE_SECONDS)
        for stream in streams:
            stream.drop()
            if stream.seconds is None:
                wrong += 1
            else:
                took.append(stream.seconds)
        if not took:
            raise RuntimeError(f"{peer.name} brought none of {parallel} streams to its end.")
    over = time.perf_counter() - began
    return Load(len(took), over, statistics.median(took), sorted(took)[int(len(took) * 0.99)], wrong)


@asynccontextmanager
async def open_streams(peer: Peer, count: int, patience: float) -> AsyncIterator[Opened]:
    """So many that have begun and go on slowly, or as many as begin in time."""
    streams = [_Stream(peer, "slow") for _ in range(count)]
    few = asyncio.Semaphore(_OPENING)

    async def begin(stream: _Stream) -> None:
        async with few:
            await stream.open()
            await stream.begun

    beginning = [asyncio.ensure_future(begin(stream)) for stream in streams]
    try:
        await asyncio.wait(beginning, timeout=patience)
        yield Opened(sum(stream.is_open for stream in streams))
    finally:
        for task in beginning:
            task.cancel()
        await asyncio.gather(*beginning, return_exceptions=True)
        for stream in streams:
            stream.drop()


class _Stream(asyncio.Protocol):
    """One request on a connection of its own."""

    def __init__(self, peer: Peer, kind: Kind) -> None:
        loop = asyncio.get_running_loop()
        self._peer = peer
        self._request = _request(peer, kind)
        self._transport: asyncio.Transport | None = None
        self._tail = b""
        self._lost = False
        self.begun: asyncio.Future[None] = loop.create_future()
        """With its first event; or it never will."""
        self.ended: asyncio.Future[None] = loop.create_future()
        self.seconds: float | None = None
        """From the request to the whole stream."""

    async def open(self) -> None:
        self._began = time.perf_counter()
        await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", self._peer.port)

    @property
    def is_open(self) -> bool:
        return self.begun.done() and not self._lost

    def drop(self) -> None:
        if self._transport:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self.begun.done() and b"data: {" in data:
            self.begun.set_result(None)
        if _END in self._tail + data:
            self.seconds = time.perf_counter() - self._began
            self._finish()
        self._tail = data[-len(_END) :]

    def connection_lost(self, error: Exception | None) -> None:
        self._lost = True
        self._finish()

    def _finish(self) -> None:
        for each in (self.begun, self.ended):
            if not each.done():
                each.set_result(None)


def _request(peer: Peer, kind: Kind) -> bytes:
    body = peer.body(kind)
    lines = [
        f"POST {peer.path(kind)} HTTP/1.1",
        f"Host: 127.0.0.1:{peer.port}",
        f"Content-Length: {len(body)}",
    ]
    lines += [f"{name}: {value}" for name, value in peer.headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body
