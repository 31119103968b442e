"""Members of a fleet that are no engines: they take their time, and misbehave on purpose."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from kanoa_mlops.errors import EngineDied, KanoaError
from kanoa_mlops.runtime.fleet.turns import Room


@dataclass
class Memory:
    """Where they are loaded; notes when more are in it than fit."""

    size: int
    held: dict[str, int] = field(default_factory=dict)
    most: int = 0

    @contextmanager
    def holding(self, name: str, size: int) -> Iterator[None]:
        self.held[name] = size
        self.most = max(self.most, sum(self.held.values()))
        try:
            yield
        finally:
            del self.held[name]


@dataclass
class FakeMember:
    name: str
    memory: Memory
    size: int = 1
    load_seconds: float = 10.0
    end_seconds: float = 0.0
    """From being cancelled to being gone."""
    fails: list[KanoaError] = field(default_factory=list)
    """Raised by its next lives instead of becoming ready."""
    loads: int = 0

    def __post_init__(self) -> None:
        self._death = asyncio.Event()

    def die(self) -> None:
        self._death.set()

    async def run(self, ready: Callable[[], None]) -> None:
        self.loads += 1
        self._death.clear()
        with self.memory.holding(self.name, self.size):
            try:
                await asyncio.sleep(self.load_seconds)
                if self.fails:
                    raise self.fails.pop(0)
                ready()
                await self._death.wait()
                raise EngineDied(f"The engine of {self.name} stopped.")
            except asyncio.CancelledError:
                await asyncio.sleep(self.end_seconds)
                raise


def room_of(members: Sequence[FakeMember], memory: Memory) -> Room:
    sizes = {each.name: each.size for each in members}
    return lambda names: sum(sizes[name] for name in names) <= memory.size
