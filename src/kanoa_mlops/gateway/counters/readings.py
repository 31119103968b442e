"""The counters that were last read of each backend."""

from __future__ import annotations

from dataclasses import dataclass

from kanoa_mlops.gateway.counters.counters import EngineCounters


@dataclass(frozen=True)
class Reading:
    model: str
    """The served name."""
    backend: str
    """Host and port."""
    engine: str
    """Without its version."""
    counters: EngineCounters


class Readings:
    """Whoever asks the engines writes here. What could not be read anew is not kept: it would look true."""

    def __init__(self) -> None:
        self._by_model: dict[str, Reading] = {}

    def put(self, reading: Reading) -> None:
        self._by_model[reading.model] = reading

    def drop(self, model: str) -> None:
        self._by_model.pop(model, None)

    def all(self) -> tuple[Reading, ...]:
        return tuple(self._by_model.values())
