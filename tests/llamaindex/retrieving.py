"""LlamaIndex's own retrievers through the connector of Python objects: prints what was found, as JSON.

By hand: `PYTHONPATH=src .venv-llamaindex/bin/python tests/llamaindex/retrieving.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from llama_index.core import MockEmbedding, SimpleKeywordTableIndex, VectorStoreIndex
from llama_index.core.llms.mock import MockLLM
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from llama_index.core.vector_stores import MetadataFilter, MetadataFilters

from kanoa_mlops.errors import BadFilter
from kanoa_mlops.grounding.connectors.python import PythonRetriever
from kanoa_mlops.grounding.filters import parse_filter

NODES = [
    TextNode(
        id_="n1",
        text="The drift is 0.2 K.",
        metadata={"file_name": "a.pdf", "page_label": "3", "year": 2024},
    ),
    TextNode(id_="n2", text="The oil is changed.", metadata={"file_name": "b.pdf", "year": 2025}),
]
YEAR = parse_filter({"type": "eq", "key": "year", "value": 2025})
INDEX = VectorStoreIndex(NODES, embed_model=MockEmbedding(embed_dim=4))


class Awaited(BaseRetriever):  # type: ignore[misc]  # it is not installed where mypy runs
    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        raise NotImplementedError

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return [NodeWithScore(node=NODES[0], score=0.5)]


def narrowed(retriever: Any, filters: Mapping[str, Any]) -> Any:
    given = MetadataFilters(filters=[MetadataFilter(key=filters["key"], value=filters["value"])])
    return INDEX.as_retriever(filters=given)


def refusal(wiki: PythonRetriever) -> str:
    try:
        wiki.search("drift", filters=YEAR)
    except BadFilter as error:
        return error.message
    return ""


def main() -> None:
    vectors = INDEX.as_retriever()
    words = SimpleKeywordTableIndex(NODES, llm=MockLLM()).as_retriever(retriever_mode="simple")
    print(
        json.dumps(
            {
                "vectors": [asdict(each) for each in PythonRetriever("wiki", vectors).search("drift")],
                "words": [each.chunk_id for each in PythonRetriever("wiki", words).search("drift")],
                "awaited": [asdict(each) for each in PythonRetriever("wiki", Awaited()).search("drift")],
                "narrowed": [
                    each.source
                    for each in PythonRetriever("wiki", vectors, narrowed).search("drift", filters=YEAR)
                ],
                "refused": refusal(PythonRetriever("wiki", vectors)),
            }
        )
    )


if __name__ == "__main__":
    main()
