"""Names that the library gives, in OpenAI's form."""

from __future__ import annotations

import hashlib
import os
import time

_RANDOM_BYTES = 6


def new_id(prefix: str) -> tuple[str, float]:
    """One that sorts by when it was given, and that moment in seconds since 1970.

    Who pages through a list may have deleted the last of the page before: its id still tells the place.
    """
    milliseconds = time.time_ns() // 10**6
    return f"{prefix}{milliseconds:012x}{os.urandom(_RANDOM_BYTES).hex()}", milliseconds / 1000


def moment_of(id: str) -> float:
    """When it was given, in seconds since 1970; 0 where it is none of ours."""
    digits = id.rpartition("-")[2].rpartition("_")[2][:12]
    try:
        return int(digits, 16) / 1000
    except ValueError:
        return 0.0


def file_id_of(collection_id: str, source: str) -> str:
    """Of a document that was never uploaded, so that what is cited can be opened."""
    return f"file-{hashlib.sha256(f'{collection_id} {source}'.encode()).hexdigest()[:24]}"
