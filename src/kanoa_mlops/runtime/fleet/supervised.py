"""A member of the fleet that is an engine under a supervisor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kanoa_mlops.errors import EngineDied
from kanoa_mlops.runtime.engine import Engine
from kanoa_mlops.runtime.state import EngineRecord

OnRecord = Callable[[EngineRecord], None]


@dataclass(frozen=True)
class Supervised:
    """One engine, one life at a time: whether it comes back after a death is the fleet's to say."""

    name: str
    make_engine: Callable[[OnRecord], Engine]
    """Gives a fresh one that tells changes of its record as asked."""

    async def run(self, ready: Callable[[], None]) -> None:
        """
        Raises:
            EngineDied: it did not start, or stopped.
        """
        died: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def changed(record: EngineRecord) -> None:
            if record.state == "ready":
                ready()
            elif record.state == "down" and not died.done():
                died.set_result(record.reason)

        life = asyncio.create_task(self.make_engine(changed).run())
        try:
            both: list[asyncio.Future[Any]] = [life, died]
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if life.done():
                life.result()
            raise EngineDied(died.result())
        finally:
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)
