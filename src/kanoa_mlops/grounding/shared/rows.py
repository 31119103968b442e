"""Documents and chunks as rows, with nothing in them that Postgres cannot hold."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from kanoa_mlops.grounding.filters import Attributes, Value
from kanoa_mlops.grounding.local.rows import clean, named
from kanoa_mlops.grounding.types import Chunk, Document

DOCUMENT_COLUMNS = (
    "source, title, digest, file_id, path, bytes, modified, reader, attributes, added_at, chunks, embedded, "
    "text_bytes, said, terms"
)
_EXACT = 2**53
"""Whole numbers above are not read alike by everybody who reads JSON (RFC 8259, section 6)."""


def fit(text: str) -> str:
    """U+0000, which some PDFs hold, and halves of pairs are no text to Postgres."""
    return clean(text).replace("\x00", "\ufffd")


def row_of_document(document: Document, now: float, said: int, terms: bytes) -> dict[str, Any]:
    return {
        "source": named(document.source),
        "title": fit(document.title),
        "digest": document.digest,
        "file_id": document.file_id,
        "path": named(document.path),
        "bytes": document.bytes,
        "modified": document.modified if math.isfinite(document.modified) else 0.0,
        "reader": fit(document.reader),
        "attributes": attributes_as_json(document.attributes),
        "added_at": now,
        "chunks": len(document.chunks),
        "embedded": 0,
        "text_bytes": sum(len(fit(chunk.text).encode()) for chunk in document.chunks),
        "said": said,
        "terms": terms,
    }


def row_of_chunk(number: int, document: int, chunk: Chunk) -> tuple[object, ...]:
    return (number, document, fit(chunk.id), fit(chunk.text), chunk.page, fit(chunk.heading), chunk.kind)


def attributes_as_json(attributes: Attributes) -> str:
    """Without numbers that are none: JSON knows no infinity."""
    return json.dumps({fit(key): _fit(value) for key, value in attributes.items() if _is_finite(value)})


def attributes_of(kept: Mapping[str, Value]) -> Attributes:
    """jsonb writes 1e300 as a whole number of 301 digits."""
    return {key: float(value) if _is_huge(value) else value for key, value in kept.items()}


def _is_huge(value: Value) -> bool:
    return isinstance(value, int) and abs(value) > _EXACT


def _fit(value: Value) -> Value:
    return fit(value) if isinstance(value, str) else value


def _is_finite(value: Value) -> bool:
    return not isinstance(value, float) or math.isfinite(value)
