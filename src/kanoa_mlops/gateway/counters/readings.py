"""The counters that were last read of each backend."""

from __future__ import annotations

from dataclasses import dataclass

from kanoa_mlops.gateway.counters.counters import EngineCounters


@dataclass(frozen=True)
class Reading:
    model: str
    """The served name."""
    backend: str
    """The name by which it is watched; it stays when the engine starts anew somewhere else."""
    engine: str
    """Without its version."""
    counters: EngineCounters


class Readings:
    """Whoever asks the engines writes here. What could not be read anew is not kept: it would look true."""

    def __init__(self) -> None:
        self._by_backend: dict[str, Reading] = {}

    def put(self, reading: Reading) -> None:
        self._by_backend[reading.backend] = reading

    def drop(self, backend: str) -> None:
        self._by_backend.pop(backend, None)

    def all(self) -> tuple[Reading, ...]:
        return tuple(self._by_backend.values())
