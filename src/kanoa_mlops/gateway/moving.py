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
    """Around a request at one engine. A place elsewhere that nobody took is left again."""

    def __init__(
        self, patience: Patience, look: Callable[[], Seat | None], began: Callable[[], bool]
    ) -> None:
        """
        Args:
            look: gives a place elsewhere, where it is time to leave and one is free.
            began: the client has something of the answer.
        """
        self._patience, self._look, self._began = patience, look, began
        self._seat: Seat | None = None
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Look from now on, until the first byte. Once there is a place elsewhere, the wait is over."""
        self._timer = asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._ring)

    def taken(self) -> Seat | None:
        """The place elsewhere, where there is one; it is the caller's from now on."""
        seat, self._seat = self._seat, None
        return seat

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer:
            self._timer.cancel()
        if self._seat:
            self._seat.leave()

    def _ring(self) -> None:
        if self._began():
            return
        self._seat = self._look()
        if self._seat:
            self._patience.hurry()
        else:
            self.begin()
