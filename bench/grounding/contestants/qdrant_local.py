"""Qdrant, the client's local mode. Its hybrid takes words from a model that fastembed would download."""

from __future__ import annotations

from qdrant_client import QdrantClient
from qdrant_client.models import Distance, PointStruct, VectorParams

from bench.grounding.contestants.job import Job, Rankings, contestant


def rank(job: Job) -> dict[str, Rankings]:
    client = QdrantClient(":memory:")
    parameters = VectorParams(size=job.vectors.shape[1], distance=Distance.COSINE)
    client.create_collection("bench", vectors_config=parameters)
    points = (
        PointStruct(id=number, vector=vector, payload={"id": id})
        for number, (id, vector) in enumerate(zip(job.ids, job.vectors.tolist(), strict=True))
    )
    client.upload_points("bench", points)
    return {
        "vectors": [
            [str(point.payload["id"]) for point in client.query_points("bench", vector, limit=job.k).points]
            for vector in job.question_vectors.tolist()
        ]
    }


if __name__ == "__main__":
    contestant(rank)
