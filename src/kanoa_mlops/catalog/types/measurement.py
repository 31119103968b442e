"""Something that was run and measured: the only ground for the word."""

from __future__ import annotations

import datetime

from kanoa_mlops.catalog.fields import Bytes, Id, SourceName, Tokens
from kanoa_mlops.catalog.types.base import Entry, Sourced


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


class LearnedRun(Entry):
    """What an engine said of its own memory when it booted on this machine. What it did not say is None."""

    model: str
    weights: str
    engine: str
    engine_version: str = ""
    machine: str
    """`Machine.key` of where it was."""
    date: datetime.date
    context: int
    """Tokens of one request."""
    sequences: int
    cache_type: str
    batch: int
    resident_layers: int | None = None
    """Layers on the device, where not all were."""
    weights_bytes: int | None = None
    cache_bytes: int | None = None
    compute_bytes: int | None = None
    projector_bytes: int | None = None
    cache_tokens: int | None = None
    """Of vLLM's pool."""
    resident_bytes: int | None = None
    decode: float | None = None
    """Tokens a second of one request."""
