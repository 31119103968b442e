"""A gateway that saw large images becomes small again."""

from __future__ import annotations

import asyncio
import ctypes
import sys

import psutil
import pytest

from kanoa_mlops.gateway import heap
from kanoa_mlops.gateway.heap import Heap

_PIECES, _PIECE = 2000, 60_000  # below what glibc takes from the system for itself


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"),
    reason="only glibc keeps what is freed, and only it can be asked to give it back",
)
async def test_what_was_freed_goes_back_to_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heap, "_REST_SECONDS", 0.0)
    process = psutil.Process()
    # Every second one stays, so that glibc cannot shorten its heap by itself.
    pieces = [bytes(_PIECE) for _ in range(2 * _PIECES)]
    for place in range(0, len(pieces), 2):
        pieces[place] = b""
    before = process.memory_info().rss
    kept = Heap()
    kept.large_request_ended()
    kept.large_request_ended()
    async with asyncio.timeout(20):
        while before - process.memory_info().rss < _PIECES * _PIECE // 2:
            await asyncio.sleep(0.01)
    kept.close()
    assert len(pieces) == 2 * _PIECES
