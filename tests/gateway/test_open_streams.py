"""What an open stream holds: a thousand of them are nothing special."""

from __future__ import annotations

import gc
import tracemalloc
from contextlib import AsyncExitStack
from pathlib import Path

import kanoa_mlops.gateway
from tests.fakes.engine import FakeEngine, chunk
from tests.gateway.conftest import Door, chat
from tests.gateway.test_leaving import CHAT

_STREAMS = 50
_MOST_BYTES = 19_500
"""That the gateway's own lines keep for one, beside what asyncio does: 18,013 with Python 3.11, measured
2026-11-28; 21,714 when a head that had gone out, empty queues and a dict of 33 fields were kept as well."""
_OURS = [tracemalloc.Filter(True, f"{Path(kanoa_mlops.gateway.__file__).parent}/*")]


async def test_an_open_stream_holds_little(door: Door, engine: FakeEngine) -> None:
    await door.chat("hello", stream=True)  # what is loaded and remembered with the first
    tracemalloc.start()
    try:
        before = _held()
        async with AsyncExitStack() as stack:
            for _ in range(_STREAMS):
                asking = door.session.post(door.url + CHAT, json=chat("stall mid-stream", stream=True))
                stream = await stack.enter_async_context(asking)
                assert await stream.content.readuntil(b"\n\n") == chunk("The")
            assert engine.running == len(door.app.in_flight._running) == _STREAMS
            each = (_held() - before) / _STREAMS
    finally:
        tracemalloc.stop()
    assert 1_000 < each < _MOST_BYTES


def _held() -> int:
    gc.collect()
    return sum(each.size for each in tracemalloc.take_snapshot().filter_traces(_OURS).statistics("filename"))
