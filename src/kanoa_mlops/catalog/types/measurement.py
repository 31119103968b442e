"""Something that was run and measured: the only ground for the word."""

from __future__ import annotations

import datetime

from kanoa_mlops.catalog.types.base import Bytes, Entry, Id, Sourced, SourceName, Tokens


class Measured(Entry):
    """One run. What was not measured is None."""

    model: Id
    weights: str
    engine: str
    engine_version: str = ""
    date: datetime.date
    context: Tokens | None = None
    sequences: int | None = None
    decode: float | None = None
    """Tokens a second of one request."""
    weights_bytes: Bytes | None = None
    cache_bytes: Bytes | None = None
    compute_bytes: Bytes | None = None
    resident_bytes: Bytes | None = None
    note: str = ""
    source: SourceName


class Measurements(Sourced):
    """All that was measured on one machine."""

    id: Id
    platform: Id
    machine: str
    """In words, exactly enough to find it again."""
    runs: tuple[Measured, ...]
