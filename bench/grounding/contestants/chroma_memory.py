"""Chroma in memory, by cosine. Of words it has a filter in the embedded form, and no ranking."""

from __future__ import annotations

import chromadb

from bench.grounding.contestants.job import Job, Rankings, contestant

_AT_ONCE = 1000


def rank(job: Job) -> dict[str, Rankings]:
    client = chromadb.EphemeralClient(chromadb.config.Settings(anonymized_telemetry=False))
    collection = client.create_collection(
        "bench", configuration={"hnsw": {"space": "cosine"}}, embedding_function=None
    )
    for start in range(0, len(job.ids), _AT_ONCE):
        lot = slice(start, start + _AT_ONCE)
        collection.add(
            ids=list(job.ids[lot]), documents=list(job.texts[lot]), embeddings=job.vectors[lot].tolist()
        )
    found = collection.query(query_embeddings=job.question_vectors.tolist(), n_results=job.k, include=[])
    return {"vectors": found["ids"]}


if __name__ == "__main__":
    contestant(rank)
