"""LanceDB in a folder: vectors by cosine, unindexed; full text with its defaults, hybrid by RRFReranker."""

from __future__ import annotations

import tempfile
from typing import Any

import lancedb
from lancedb.rerankers import RRFReranker

from bench.grounding.contestants.job import Job, Rankings, contestant


def rank(job: Job) -> dict[str, Rankings]:
    rows = [
        {"id": id, "text": text, "vector": vector}
        for id, text, vector in zip(job.ids, job.texts, job.vectors.tolist(), strict=True)
    ]
    with tempfile.TemporaryDirectory(prefix="kanoa-lancedb-") as folder:
        table = lancedb.connect(folder).create_table("bench", rows)
        table.create_fts_index("text")
        asked = list(zip(job.questions, job.question_vectors, strict=True))
        return {
            "words": [_ids(table.search(_plain(question), query_type="fts"), job.k) for question, _ in asked],
            "vectors": [
                _ids(table.search(vector, query_type="vector").distance_type("cosine"), job.k)
                for _, vector in asked
            ],
            "hybrid": [_ids(_both(table, question, vector), job.k) for question, vector in asked],
        }


def _both(table: Any, question: str, vector: Any) -> Any:
    found = table.search(query_type="hybrid").vector(vector).text(_plain(question))
    return found.distance_type("cosine").rerank(RRFReranker())


def _plain(question: str) -> str:
    """Its query language has signs of its own."""
    return "".join(letter if letter.isalnum() else " " for letter in question)


def _ids(found: Any, k: int) -> list[str]:
    return [str(row["id"]) for row in found.limit(k).to_list()]


if __name__ == "__main__":
    contestant(rank)
