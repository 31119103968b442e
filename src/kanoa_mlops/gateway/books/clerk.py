"""The thread that keeps the books: writes what was recorded, sees what others changed."""

from __future__ import annotations

import logging
import time
from threading import Event, Thread

from kanoa_mlops.gateway.books.books import Books

_log = logging.getLogger(__name__)
PERIOD = 0.2
"""Seconds between two looks: how long an entry is in memory alone, and a revoked key still good."""


class Clerk:
    def __init__(self, books: Books, *, period: float = PERIOD) -> None:
        self._books = books
        self._period = period
        self._ending = Event()
        # A disk that hangs must not keep the process from ending.
        self._thread = Thread(target=self._work, name="books", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, patience: float = 5.0) -> int:
        """Write what is left, trying so many seconds. How many entries could not be written."""
        until = time.monotonic() + patience
        self._ending.set()
        self._thread.join(patience)
        while not self._thread.is_alive():
            self._tick()
            rest = until - time.monotonic()
            if rest <= 0 or not self._books.condition().unwritten:
                break
            time.sleep(min(self._period, rest))
        if left := self._books.condition().unwritten:
            _log.error("%d entries of the ledger were not written and are lost.", left)
        return left

    def _work(self) -> None:
        while not self._ending.wait(self._period):
            self._tick()

    def _tick(self) -> None:
        try:
            self._books.tick()
        except Exception:
            # The edge of the thread. Whatever it is, the next tick may do better, and keys are looked at.
            _log.exception("The books could not be kept for a moment.")
