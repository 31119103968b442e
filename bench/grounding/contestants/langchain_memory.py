"""LangChain: InMemoryVectorStore; BM25Retriever with its defaults; EnsembleRetriever of both, alike."""

from __future__ import annotations

from typing import Any

from langchain_classic.retrievers import EnsembleRetriever
from langchain_community.retrievers import BM25Retriever
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import InMemoryVectorStore

from bench.grounding.contestants.job import Job, Rankings, contestant


class _Known(Embeddings):
    """Vectors that are made already."""

    def __init__(self, job: Job) -> None:
        self._documents = dict(zip(job.texts, job.vectors.tolist(), strict=True))
        self._questions = dict(zip(job.questions, job.question_vectors.tolist(), strict=True))

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self._documents[text] for text in texts]

    def embed_query(self, text: str) -> list[float]:
        vector: list[float] = self._questions[text]
        return vector


def rank(job: Job) -> dict[str, Rankings]:
    documents = [
        Document(id=id, page_content=text, metadata={"id": id})
        for id, text in zip(job.ids, job.texts, strict=True)
    ]
    store = InMemoryVectorStore(_Known(job))
    store.add_documents(documents)
    vectors = store.as_retriever(search_kwargs={"k": job.k})
    words = BM25Retriever.from_documents(documents, k=job.k)
    both = EnsembleRetriever(retrievers=[words, vectors], weights=[0.5, 0.5])
    return {
        "words": [_ids(words, question, job.k) for question in job.questions],
        "vectors": [_ids(vectors, question, job.k) for question in job.questions],
        "hybrid": [_ids(both, question, job.k) for question in job.questions],
    }


def _ids(retriever: Any, question: str, k: int) -> list[str]:
    return [each.metadata["id"] for each in retriever.invoke(question)[:k]]


if __name__ == "__main__":
    contestant(rank)
