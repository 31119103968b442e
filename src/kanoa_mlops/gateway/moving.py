"""A request that waits for an engine which is found to be down is moved to another one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from kanoa_mlops.gateway.inflight import Patience
from kanoa_mlops.gateway.seat import Seat

_LOOK_SECONDS = 1.0


class Moving:
    """Around the wait for a first byte. An engine that is merely silent may read a long prompt."""

    def __init__(self, patience: Patience, look: Callable[[], Seat | None]) -> None:
        """
        Args:
            look: gives a place elsewhere, where it is time to leave and one is free; it is this one's then.
        """
        self.seat: Seat | None = None
        """A place elsewhere; once there is one, the wait is over."""
        self._patience, self._look = patience, look

    def __enter__(self) -> Self:
        self._wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._ring)

    def _ring(self) -> None:
        self.seat = self._look()
        if self.seat:
            self._patience.hurry()
        else:
            self._wait()
