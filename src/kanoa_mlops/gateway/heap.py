"""What large requests leave behind: glibc keeps their memory, and a process that saw images stays large."""

from __future__ import annotations

import asyncio
import sys

LARGE_BYTES = 256 * 1024
"""Of a body. What smaller ones leave is soon used again."""
_REST_SECONDS = 2.0  # a burst of images is cleared away once, not once an image


class Heap:
    """Gives memory back to the system, in a thread, some time after a large request."""

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None

    def large_request_ended(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_REST_SECONDS, self._clear)

    def close(self) -> None:
        if self._timer:
            self._timer.cancel()

    def _clear(self) -> None:
        self._timer = None
        asyncio.get_running_loop().run_in_executor(None, _trim)


def _trim() -> None:
    """Other allocators than glibc's have no such call, and need none."""
    if sys.platform == "linux":
        import ctypes

        if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
            trim(0)
