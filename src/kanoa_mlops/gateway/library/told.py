"""Files, vector stores and what is found in them, as OpenAI's clients read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kanoa_mlops.grounding.archive import Collection, File
from kanoa_mlops.grounding.library import Bound, Found
from kanoa_mlops.grounding.library.attachment import Attachment, Batch, Counts
from kanoa_mlops.grounding.library.bound import bound_id
from kanoa_mlops.grounding.library.shelves import expires_at, is_expired, shown_name
from kanoa_mlops.grounding.types import Chunk, Passage


def file_object(file: File) -> dict[str, Any]:
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.bytes,
        "created_at": int(file.created_at),
        "filename": file.filename,
        "purpose": file.purpose,
        "status": "processed",
    }


def store_object(collection: Collection, counts: Counts, bytes: int) -> dict[str, Any]:
    """`bytes` is what its text takes."""
    until = expires_at(collection)
    return {
        "id": collection.id,
        "object": "vector_store",
        "created_at": int(collection.created_at),
        "name": shown_name(collection),
        "usage_bytes": bytes,
        "file_counts": _counts(counts),
        "status": _status(collection, counts),
        "expires_after": until and {"anchor": "last_active_at", "days": collection.expires_days},
        "expires_at": until and int(until),
        "last_active_at": int(max(collection.used_at, collection.created_at)),
        "metadata": dict(collection.attributes),
        "kanoa": {
            "shareable": collection.shareable,
            "folder": bool(collection.folder),
            "embedding_model": collection.space.model if collection.space else None,
        },
    }


def bound_object(name: str, bound: Bound) -> dict[str, Any]:
    """A provider's store. How much is in it, the provider knows."""
    return {
        "id": bound_id(name),
        "object": "vector_store",
        "created_at": 0,
        "name": name,
        "usage_bytes": 0,
        "file_counts": _counts(Counts()),
        "status": "completed",
        "expires_after": None,
        "expires_at": None,
        "last_active_at": None,
        "metadata": {},
        "kanoa": {"shareable": bound.shareable, "provider": bound.retriever.name},
    }


def attachment_object(attachment: Attachment) -> dict[str, Any]:
    failed = attachment.status == "failed"
    return {
        "id": attachment.file_id,
        "object": "vector_store.file",
        "created_at": int(attachment.created_at),
        "vector_store_id": attachment.collection_id,
        "status": attachment.status,
        "last_error": {"code": attachment.fault, "message": attachment.message} if failed else None,
        "usage_bytes": attachment.bytes,
        "attributes": dict(attachment.attributes),
        "chunking_strategy": _strategy(attachment),
    }


def batch_object(batch: Batch) -> dict[str, Any]:
    return {
        "id": batch.id,
        "object": "vector_store.files_batch",
        "created_at": int(batch.created_at),
        "vector_store_id": batch.collection_id,
        "status": batch.status,
        "file_counts": _counts(batch.counts),
    }


def found_page(queries: Sequence[str], found: Found) -> dict[str, Any]:
    return {
        "object": "vector_store.search_results.page",
        "search_query": list(queries),
        "data": [_hit(each, rank) for rank, each in enumerate(found.passages, 1)],
        "has_more": False,
        "next_page": None,
        "kanoa": {"warnings": list(found.warnings.values())},
    }


def content_page(chunks: Sequence[Chunk]) -> dict[str, Any]:
    return {
        "object": "vector_store.file_content.page",
        "data": [{"type": "text", "text": each.text} for each in chunks],
        "has_more": False,
        "next_page": None,
    }


def deleted(id: str, kind: str) -> dict[str, Any]:
    return {"id": id, "object": kind, "deleted": True}


def _hit(passage: Passage, rank: int) -> dict[str, Any]:
    return {
        "file_id": passage.file_id or passage.source,
        "filename": passage.filename,
        # OpenAI's clients want one; of a provider that gives none there is only the rank.
        "score": 1 / rank if passage.score is None else passage.score,
        "attributes": dict(passage.attributes),
        "content": [{"type": "text", "text": passage.text}],
        "kanoa": {
            "source": passage.source,
            "chunk_id": passage.chunk_id,
            "page": passage.page,
            "heading": passage.heading,
        },
    }


def _status(collection: Collection, counts: Counts) -> str:
    if is_expired(collection):
        return "expired"
    return "in_progress" if counts.in_progress else "completed"


def _strategy(attachment: Attachment) -> dict[str, Any]:
    cut = attachment.cut
    if cut is None:
        return {"type": "other"}
    return {
        "type": "static",
        "static": {"max_chunk_size_tokens": cut.tokens, "chunk_overlap_tokens": cut.overlap},
    }


def _counts(counts: Counts) -> dict[str, int]:
    return {
        "in_progress": counts.in_progress,
        "completed": counts.completed,
        "failed": counts.failed,
        "cancelled": counts.cancelled,
        "total": counts.total,
    }
