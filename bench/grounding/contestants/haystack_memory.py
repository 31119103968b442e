"""Haystack: InMemoryDocumentStore with its BM25 and by cosine; DocumentJoiner of both by reciprocal rank."""

from __future__ import annotations

from haystack import Document
from haystack.components.joiners import DocumentJoiner
from haystack.components.retrievers.in_memory import InMemoryBM25Retriever, InMemoryEmbeddingRetriever
from haystack.document_stores.in_memory import InMemoryDocumentStore

from bench.grounding.contestants.job import Job, Rankings, contestant


def rank(job: Job) -> dict[str, Rankings]:
    store = InMemoryDocumentStore(embedding_similarity_function="cosine")
    store.write_documents(
        [
            Document(id=id, content=text, embedding=vector)
            for id, text, vector in zip(job.ids, job.texts, job.vectors.tolist(), strict=True)
        ]
    )
    by_words = InMemoryBM25Retriever(store, top_k=job.k)
    by_vectors = InMemoryEmbeddingRetriever(store, top_k=job.k)
    joiner = DocumentJoiner(join_mode="reciprocal_rank_fusion", top_k=job.k)
    rankings: dict[str, Rankings] = {"words": [], "vectors": [], "hybrid": []}
    for question, vector in zip(job.questions, job.question_vectors.tolist(), strict=True):
        words = by_words.run(query=question)["documents"]
        vectors = by_vectors.run(query_embedding=vector)["documents"]
        both = joiner.run(documents=[words, vectors])["documents"]
        for way, found in (("words", words), ("vectors", vectors), ("hybrid", both)):
            rankings[way].append([each.id for each in found])
    return rankings


if __name__ == "__main__":
    contestant(rank)
