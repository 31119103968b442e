"""The shapes of retrievers and of what they find, in LangChain, LlamaIndex and Haystack."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from kanoa_mlops.grounding.connectors.awaited import result_of
from kanoa_mlops.grounding.connectors.fields import (
    chunk_in,
    heading_in,
    number,
    page_in,
    plain,
    score_in,
    source_in,
    title_in,
)
from kanoa_mlops.grounding.connectors.haystack import haystack_filter
from kanoa_mlops.grounding.filters import Filter
from kanoa_mlops.grounding.types import Passage


class Shape(Protocol):
    def filters(self, retriever: Any) -> bool:
        """Whether it takes a filter when it is asked."""
        ...

    def ask(
        self, retriever: Any, query: str, k: int, filters: Filter | None, first_page: int | None
    ) -> Sequence[Passage]: ...


def shape_of(retriever: object) -> Shape | None:
    """None where it is none of them. A class is not taken for what it makes."""
    if isinstance(retriever, type):
        return None
    if _takes(retriever, ("search",), "k", "filters"):
        return _Ours()
    if _has(retriever, "invoke", "ainvoke"):
        return _LangChain()
    if _has(retriever, "retrieve", "aretrieve"):
        return _LlamaIndex()
    return _Haystack() if _takes(retriever, ("run", "run_async"), "query") else None


class _Ours:
    def filters(self, retriever: Any) -> bool:
        return True

    def ask(
        self, retriever: Any, query: str, k: int, filters: Filter | None, first_page: int | None
    ) -> Sequence[Passage]:
        return list(retriever.search(query, k=k, filters=filters))


class _LangChain:
    """`BaseRetriever`: https://python.langchain.com/api_reference/core/retrievers.html"""

    def filters(self, retriever: Any) -> bool:
        return False  # each store has a language of its own, and says it nowhere

    def ask(
        self, retriever: Any, query: str, k: int, filters: Filter | None, first_page: int | None
    ) -> Sequence[Passage]:
        # That of a vector store takes the number with the question; others have it from when they were made.
        more = {"k": k} if _has(retriever, "vectorstore") and _has(retriever, "search_kwargs") else {}
        found = result_of(retriever, "invoke", "ainvoke", query, **more)
        # Its loaders count pages from 0: PyPDFLoader, PyMuPDFLoader, PDFPlumberLoader.
        return [_of_document(each, 0 if first_page is None else first_page) for each in found]


class _LlamaIndex:
    """`BaseRetriever`: nodes with scores."""

    def filters(self, retriever: Any) -> bool:
        return False  # they are given when it is made

    def ask(
        self, retriever: Any, query: str, k: int, filters: Filter | None, first_page: int | None
    ) -> Sequence[Passage]:
        found = result_of(retriever, "retrieve", "aretrieve", query)
        return [_of_node(each, 1 if first_page is None else first_page) for each in found]


class _Haystack:
    """A component whose `run` takes a query: https://docs.haystack.deepset.ai/docs/retrievers"""

    def filters(self, retriever: Any) -> bool:
        return _takes(retriever, ("run", "run_async"), "filters")

    def ask(
        self, retriever: Any, query: str, k: int, filters: Filter | None, first_page: int | None
    ) -> Sequence[Passage]:
        more: dict[str, Any] = {}
        if _takes(retriever, ("run", "run_async"), "top_k"):
            more["top_k"] = k
        if filters is not None:
            more["filters"] = haystack_filter(filters)
        found = result_of(retriever, "run", "run_async", query=query, **more)
        return [_of_document(each, 1 if first_page is None else first_page) for each in found["documents"]]


def _of_document(document: Any, first_page: int) -> Passage:
    given = _mapping(document, "metadata", "meta")
    score = number(getattr(document, "score", None))
    return Passage(
        text=_first(document, "page_content", "content"),
        source=source_in(given) or _first(document, "id"),
        score=score_in(given) if score is None else score,
        chunk_id=chunk_in(given) or _first(document, "id"),
        title=title_in(given),
        page=page_in(given, first_page),
        heading=heading_in(given),
        attributes=plain(given),
    )


def _of_node(found: Any, first_page: int) -> Passage:
    node = getattr(found, "node", found)
    given = _mapping(node, "metadata")
    name = _first(node, "node_id", "id_")
    return Passage(
        text=str(node.get_content()),
        source=source_in(given) or _first(node, "ref_doc_id") or name,
        score=number(getattr(found, "score", None)),
        chunk_id=name,
        title=title_in(given),
        page=page_in(given, first_page),
        heading=heading_in(given),
        attributes=plain(given),
    )


def _has(retriever: object, *names: str) -> bool:
    return any(getattr(retriever, name, None) is not None for name in names)


def _takes(retriever: object, methods: tuple[str, ...], *parameters: str) -> bool:
    """Whether one of these methods has all these parameters by name."""
    for method in methods:
        try:
            known = inspect.signature(getattr(retriever, method)).parameters
        except (AttributeError, TypeError, ValueError):
            continue
        if all(name in known for name in parameters):
            return True
    return False


def _first(thing: object, *names: str) -> str:
    return next((str(value) for name in names if (value := getattr(thing, name, None))), "")


def _mapping(thing: object, *names: str) -> Mapping[str, Any]:
    return next((value for name in names if isinstance(value := getattr(thing, name, None), Mapping)), {})
