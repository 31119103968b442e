"""What a fleet has members of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Member(Protocol):
    """An engine that can be had and let go of, again and again."""

    @property
    def name(self) -> str:
        """Of the model it serves."""
        ...

    async def run(self, ready: Callable[[], None]) -> None:
        """One life. Calls `ready` once the engine answers; cancelling ends it.

        When this returns or raises, whatever the reason, the engine is gone and its memory free.

        Raises:
            KanoaError: it did not start or ended by itself, and why.
        """
        ...
