"""How much the gateway takes, and how long it waits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    max_body_bytes: int
    """Largest request."""
    max_images: int = 8
    """In one request."""
    first_byte_seconds: float = 600.0
    """For the engine to begin its answer; a long prompt on a CPU takes minutes."""
    idle_seconds: float = 120.0
    """For the next piece, from the engine as well as to and from the client."""
    describing_seconds: float = 300.0
    """For a model that sees to be loaded and to describe all figures of a request; then they are read."""
    loading_seconds: float = 3600.0
    """For a model to have its turn and be loaded."""
    silent_seconds: float = 3.0
    """For the same, before a stream begins with comments; until then a failure is an HTTP error."""
    prefill_seconds: float = 20.0
    """For an engine to begin its answer, before likewise; a proxy with a minute's patience is before us."""
    heartbeat_seconds: float = 10.0
    """Between two such comments; the most impatient proxies wait for half a minute."""
    max_answer_bytes: int = 2**30
    """Largest answer that comes whole; 2,048 vectors of 4,096 numbers are some 180 MB."""
    max_event_bytes: int = 64 * 2**20
    """Largest event of a stream, and most of all that comes before its first data."""
    max_file_bytes: int = 128 * 2**20
    """Largest file that is uploaded; it is in memory once."""

    @property
    def figures_seconds(self) -> float:
        """For all that is done to figures: the descriptions, and reading what was not described."""
        return self.describing_seconds + self.first_byte_seconds
