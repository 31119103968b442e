"""How long a probe may take in all, whatever hangs in it."""

from __future__ import annotations

import time


class Patience:
    """Runs from the moment it is made."""

    def __init__(self, seconds: float = 2.0) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds; never negative."""
        return max(0.0, self._end - time.monotonic())

    def __str__(self) -> str:
        return f"{self.seconds:g} s"
