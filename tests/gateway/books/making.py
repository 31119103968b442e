"""Entries for tests, all alike but in what a test says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from kanoa_mlops.gateway.books.entry import Entry

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC).timestamp()
HOUR, DAY = 3600.0, 86400.0


def entry(request: str = "req-1", **said: Any) -> Entry:
    plain = Entry(
        request=request,
        at=NOON,
        key="anna",
        model="gemma-3-12b-it",
        backend="local-1",
        tier="local",
        status=200,
        prompt_tokens=100,
        completion_tokens=20,
        estimated=False,
        micro=0,
        queue_ms=3,
        first_token_ms=250,
        total_ms=1800,
    )
    return replace(plain, **said)
