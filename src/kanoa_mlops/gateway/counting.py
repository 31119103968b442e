"""The tokens of a stream whose client did not ask for them: the ledger wants what the engine counted."""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import Any

from kanoa_mlops.gateway.backends import Backend
from kanoa_mlops.gateway.body import Asked
from kanoa_mlops.gateway.counters.dialect import dialect_of

QUESTION = b'"stream_options":{"include_usage":true},'
"""Before all else in a request that has no options of its own."""
_BLANK_LINE = re.compile(rb"(\n\r?\n)")
_NO_CHOICES = re.compile(rb'"choices"\s*:\s*\[\s*\]')


def is_asked(backend: Backend) -> bool:
    """Tells them when asked alone. One that nothing is known of may refuse the question; nobody asks it."""
    dialect = dialect_of(backend.engine)
    return backend.grant is not None or (dialect is not None and not dialect.counts_streams)


def options_of(asked: Asked, backend: Backend) -> dict[str, Any]:
    """The `stream_options` that ask for them; nothing where they need not."""
    if not asked.stream or asked.wants_usage or not is_asked(backend):
        return {}
    given = asked.fields.get("stream_options") or {}
    return {"stream_options": {**given, "include_usage": True}}


def without_count(events: bytes) -> bytes:
    """What is passed on of a stream whose client did not ask for its tokens."""
    if b'"usage"' not in events:
        return events
    parts = _BLANK_LINE.split(events)
    pairs = zip_longest(parts[::2], parts[1::2], fillvalue=b"")
    return b"".join(event + end for event, end in pairs if not _counts(event))


def _counts(event: bytes) -> bool:
    return b'"usage"' in event and _NO_CHOICES.search(event) is not None
