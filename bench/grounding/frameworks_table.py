"""What is measured: retrieval frameworks, vector stores and their clients, and ours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Framework:
    name: str
    """Of its distribution."""
    requirements: tuple[str, ...]
    imports: str
    """What a program that retrieves with it begins with."""
    large: bool = False
    beside: str = ""
    """What it is measured without or with, where one distribution is measured twice."""

    @property
    def label(self) -> str:
        return f"{self.name}{self.beside}"


FRAMEWORKS = (
    Framework(
        "kanoa-mlops",
        (f"kanoa-mlops @ {_ROOT.as_uri()}",),
        "import kanoa_mlops.cli.main",
    ),
    Framework(
        "kanoa-mlops",
        (f"kanoa-mlops[grounding] @ {_ROOT.as_uri()}",),
        # What is imported only when it is needed is needed here.
        "import kanoa_mlops.grounding.local, kanoa_mlops.grounding.embedding, httpx, numpy, pypdfium2",
        beside="[grounding]",
    ),
    Framework("langchain-core", ("langchain-core>=1.7,<2",), "import langchain_core.retrievers"),
    Framework("llama-index-core", ("llama-index-core",), "import llama_index.core"),
    Framework("haystack-ai", ("haystack-ai",), "import haystack"),
    Framework("litellm", ("litellm",), "import litellm"),
    Framework("r2r", ("r2r",), "import r2r"),
    Framework("ragflow-sdk", ("ragflow-sdk",), "import ragflow_sdk"),
    Framework("mem0ai", ("mem0ai",), "import mem0"),
    Framework("cognee", ("cognee",), "import cognee", large=True),
    Framework("txtai", ("txtai",), "import txtai", large=True),
    Framework("pgvector", ("pgvector", "psycopg[binary]"), "import psycopg, pgvector.psycopg"),
    Framework("qdrant-client", ("qdrant-client",), "import qdrant_client"),
    Framework("lancedb", ("lancedb",), "import lancedb"),
    Framework("chromadb", ("chromadb",), "import chromadb"),
    Framework("weaviate-client", ("weaviate-client",), "import weaviate"),
    Framework("pymilvus", ("pymilvus[milvus-lite]",), "import pymilvus, milvus_lite"),
    Framework("sqlite-vec", ("sqlite-vec",), "import sqlite_vec"),
    Framework("usearch", ("usearch",), "import usearch.index"),
    Framework("faiss-cpu", ("faiss-cpu",), "import faiss"),
)
