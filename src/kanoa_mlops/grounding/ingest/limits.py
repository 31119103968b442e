"""What reading one file may cost."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024**2


@dataclass(frozen=True)
class Limits:
    """Whoever passes one is named and skipped."""

    seconds: float = 120.0
    """Of the processor; by the clock, four times that, as others may be using it."""
    memory_bytes: int = 1024 * MIB
    """Of the process that reads, in RAM."""
    file_bytes: int = 256 * MIB
    text_bytes: int = 32 * MIB
    """Of what comes out; a long book has 1 MiB."""
