"""What was measured of a peer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from bench.gateway.peer import Peer
from bench.gateway.static_upstream import Kind


@dataclass(frozen=True)
class Scenario:
    """What is asked for, and how often at the same time."""

    name: str
    kind: Kind
    parallel: int


@dataclass(frozen=True)
class Figures:
    """Of one load, medians over the rounds."""

    per_second: float
    p50: float
    """Seconds until an answer is whole."""
    p99: float
    cpu_per_1000: float
    """Seconds of processor for 1,000 requests."""
    wrong: int
    """Answers other than 200, over all rounds."""


@dataclass(frozen=True)
class Result:
    peer: Peer
    figures: Mapping[Scenario, Figures]
    ready_seconds: float | None = None
    rest_bytes: int | None = None
    open_bytes: int | None = None
    """With 1,000 open streams, or as many as it opened."""
    opened: int | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.peer.name,
            "version": self.peer.version,
            "settings": self.peer.settings,
            "loads": {scenario.name: asdict(figures) for scenario, figures in self.figures.items()},
            "ready_seconds": self.ready_seconds,
            "rest_bytes": self.rest_bytes,
            "open_bytes": self.open_bytes,
            "opened_streams": self.opened,
        }
