"""Entries for tests, all alike but in what a test says; and what happens at the same time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from kanoa_mlops.gateway.books.entry import Entry

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC).timestamp()
HOUR, DAY = 3600.0, 86400.0


def at_once(*acts: Callable[[], object]) -> None:
    """Each in a thread; what one raises is raised here."""
    with ThreadPoolExecutor(len(acts)) as pool:
        for done in [pool.submit(act) for act in acts]:
            done.result()


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
