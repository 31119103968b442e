"""What keeps an engine alive, whichever engine it is and however it is run."""

from __future__ import annotations

import asyncio
from typing import Protocol


class Engine(Protocol):
    """One engine, for as long as `run` is awaited."""

    @property
    def ready(self) -> asyncio.Event:
        """Set once it has answered for the first time."""
        ...

    async def run(self) -> None:
        """Until cancelled; nothing of it is left when this returns or raises."""
        ...
