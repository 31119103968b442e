"""LlamaIndex: VectorStoreIndex in memory; its BM25Retriever; QueryFusionRetriever, reciprocal rank."""

from __future__ import annotations

from typing import Any

from llama_index.core import QueryBundle, VectorStoreIndex
from llama_index.core.embeddings import MockEmbedding
from llama_index.core.llms import MockLLM
from llama_index.core.retrievers import QueryFusionRetriever
from llama_index.core.schema import TextNode
from llama_index.retrievers.bm25 import BM25Retriever

from bench.grounding.contestants.job import Job, Rankings, contestant


def rank(job: Job) -> dict[str, Rankings]:
    nodes = [
        TextNode(id_=id, text=text, embedding=vector)
        for id, text, vector in zip(job.ids, job.texts, job.vectors.tolist(), strict=True)
    ]
    # Nodes and questions bring their vectors; the model is never asked.
    unused = MockEmbedding(embed_dim=job.vectors.shape[1])
    vectors = VectorStoreIndex(nodes, embed_model=unused).as_retriever(similarity_top_k=job.k)
    words = BM25Retriever.from_defaults(nodes=nodes, similarity_top_k=job.k)
    both = QueryFusionRetriever(
        [words, vectors],
        llm=MockLLM(),
        mode="reciprocal_rerank",
        similarity_top_k=job.k,
        num_queries=1,
        use_async=False,
    )
    asked = [
        QueryBundle(question, embedding=vector)
        for question, vector in zip(job.questions, job.question_vectors.tolist(), strict=True)
    ]
    return {
        "words": [_ids(words, question) for question in asked],
        "vectors": [_ids(vectors, question) for question in asked],
        "hybrid": [_ids(both, question) for question in asked],
    }


def _ids(retriever: Any, question: QueryBundle) -> list[str]:
    return [each.node.node_id for each in retriever.retrieve(question)]


if __name__ == "__main__":
    contestant(rank)
