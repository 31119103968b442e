"""Retrievers of LangChain and Haystack as they are, and others by their shape."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from haystack import Document as HaystackDocument
from haystack.components.retrievers.in_memory import InMemoryBM25Retriever
from haystack.document_stores.in_memory import InMemoryDocumentStore
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import InMemoryVectorStore

from kanoa_mlops.errors import BadFilter, RetrieverFailed
from kanoa_mlops.grounding.connectors import Store, connect, parse_grounding_file
from kanoa_mlops.grounding.connectors.python import PythonRetriever
from kanoa_mlops.grounding.filters import Filter, parse_filter
from kanoa_mlops.grounding.types import Passage

YEAR: Filter = parse_filter({"type": "eq", "key": "year", "value": 2025})
DOCUMENTS = [
    Document(
        "The drift is 0.2 K.", id="1", metadata={"source": "a.pdf", "page": 2, "year": 2024, "tags": ["x"]}
    ),
    Document("The oil is changed.", id="2", metadata={"source": "b.pdf", "page": 0, "year": 2025}),
    Document("The drift of May.", id="3", metadata={"source": "c.pdf", "page_label": "7", "year": 2025}),
]


def vector_store() -> InMemoryVectorStore:
    store = InMemoryVectorStore(DeterministicFakeEmbedding(size=8))
    store.add_documents(DOCUMENTS)
    return store


class Lines(BaseRetriever):
    """LangChain's own way to write a retriever."""

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        return [each for each in DOCUMENTS if query in each.page_content]


def test_a_retriever_of_langchain() -> None:
    found = PythonRetriever("wiki", Lines()).search("drift", k=2)
    assert found == [
        Passage(
            text="The drift is 0.2 K.",
            source="a.pdf",
            chunk_id="1",
            page=3,  # its loaders count from 0
            attributes={"source": "a.pdf", "page": 2, "year": 2024},
        ),
        Passage(
            text="The drift of May.",
            source="c.pdf",
            chunk_id="3",
            page=7,  # and labels from 1
            attributes={"source": "c.pdf", "page_label": "7", "year": 2025},
        ),
    ]
    [one] = PythonRetriever("wiki", Lines(), first_page=1).search("0.2")
    assert one.page == 2


def test_a_vector_store_of_langchain_gives_as_many_as_are_asked_for() -> None:
    retriever = vector_store().as_retriever(search_kwargs={"k": 1})
    assert len(PythonRetriever("wiki", retriever).search("drift", k=3)) == 3


def test_langchain_is_filtered_by_whoever_knows_its_store() -> None:
    def narrow(retriever: Any, filters: Mapping[str, Any]) -> Any:
        passes = parse_filter(filters).passes
        return vector_store().as_retriever(search_kwargs={"filter": lambda each: passes(each.metadata)})

    retriever = vector_store().as_retriever()
    with pytest.raises(BadFilter, match="VectorStoreRetriever cannot be given a filter"):
        PythonRetriever("wiki", retriever).search("drift", filters=YEAR)
    found = PythonRetriever("wiki", retriever, narrow).search("drift", filters=YEAR)
    assert {each.source for each in found} == {"b.pdf", "c.pdf"}


def test_who_forgets_to_narrow_lets_nothing_through() -> None:
    found = PythonRetriever("wiki", Lines(), lambda retriever, filters: retriever).search("The", filters=YEAR)
    assert {each.source for each in found} == {"b.pdf", "c.pdf"}


def haystack_retriever() -> InMemoryBM25Retriever:
    store = InMemoryDocumentStore()
    store.write_documents(
        [
            HaystackDocument(
                id="1",
                content="The drift is 0.2 K.",
                meta={"file_path": "a.pdf", "page_number": 3, "year": 2024},
            ),
            HaystackDocument(id="2", content="The drift of May.", meta={"file_path": "b.pdf", "year": 2025}),
            HaystackDocument(
                id="3", content="The oil is changed.", meta={"file_path": "c.pdf", "year": 1, "new": True}
            ),
        ]
    )
    return InMemoryBM25Retriever(store)


def test_a_retriever_of_haystack_is_given_filters() -> None:
    wiki = PythonRetriever("wiki", haystack_retriever())
    best, *_ = wiki.search("0.2 K drift", k=2)
    assert (best.text, best.source, best.chunk_id, best.page) == ("The drift is 0.2 K.", "a.pdf", "1", 3)
    assert best.score is not None
    assert best.score > 0
    assert len(wiki.search("The", k=1)) == 1
    assert [each.source for each in wiki.search("drift", filters=YEAR)] == ["b.pdf"]
    with pytest.raises(BadFilter, match="numbers and ISO dates alone"):
        wiki.search("drift", filters=parse_filter({"type": "gt", "key": "title", "value": "a"}))


def test_what_haystack_takes_for_the_same_is_not() -> None:
    same = parse_filter({"type": "eq", "key": "new", "value": 1})
    assert PythonRetriever("wiki", haystack_retriever()).search("oil", filters=same) == []


class Awaited:
    """Nothing but its awaited form, which keeps something that belongs to a loop."""

    def __init__(self) -> None:
        self.lock: asyncio.Lock | None = None
        self.loops: set[object] = set()

    async def ainvoke(self, query: str) -> list[Document]:
        self.lock = self.lock or asyncio.Lock()
        async with self.lock:
            await asyncio.sleep(0.001)
        self.loops.add(asyncio.get_running_loop())
        return [Document(query, metadata={"source": "s"})]


class Refusing(BaseRetriever):
    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        raise NotImplementedError

    async def _aget_relevant_documents(self, query: str, **_: Any) -> list[Document]:
        return DOCUMENTS[:1]


async def test_what_can_only_be_awaited_is_also_by_who_is_awaited_himself() -> None:
    assert [each.text for each in PythonRetriever("wiki", Awaited()).search("a")] == ["a"]
    assert [each.source for each in PythonRetriever("wiki", Refusing()).search("a")] == ["a.pdf"]


def test_several_threads_are_served_in_one_loop() -> None:
    awaited, found = Awaited(), list[str]()
    wiki = PythonRetriever("wiki", awaited)

    def ask(query: str) -> None:
        found.extend(each.text for each in wiki.search(query))

    threads = [threading.Thread(target=ask, args=(str(number),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(found) == [str(number) for number in range(8)]
    assert len(awaited.loops) == 1


class Ours:
    name = "ours"

    def search(self, query: str, *, k: int = 5, filters: Filter | None = None) -> Sequence[Passage]:
        return [Passage(query, "s", attributes={"year": 2025, "filtered": filters is not None})]


def test_one_of_our_own_shape_is_asked_as_it_is() -> None:
    [found] = PythonRetriever("wiki", Ours()).search("a", filters=YEAR)
    assert found.attributes["filtered"] is True


MODULE = """
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

class Always(BaseRetriever):
    year: int = 0
    def _get_relevant_documents(self, query, *, run_manager):
        return [Document(query, metadata={"source": "made.md", "year": self.year})]

def make_retriever():
    return Always()

made = Always()
number = 3
def narrowed(retriever, filters):
    return Always(year=filters["value"])
def broken():
    raise RuntimeError("no index")
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "labs_own.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield_name = "labs_own"
    sys.modules.pop(yield_name, None)
    return yield_name


def bound(**entry: str) -> Store:
    fields = ", ".join(f"{name}: '{value}'" for name, value in entry.items())
    file = parse_grounding_file(
        Path("/home/you/grounding.yaml"), f"stores:\n  wiki: {{provider: python, {fields}}}\n", {}
    )
    return connect("wiki", file.stores["wiki"])


def test_a_file_names_a_function_that_makes_it_or_the_thing_itself(package: str) -> None:
    for what in ("make_retriever", "made"):
        [found] = bound(factory=f"{package}:{what}").search("hello")
        assert (found.text, found.source, found.store) == ("hello", "made.md", "wiki")
    [found] = bound(factory=f"{package}:made", filters=f"{package}:narrowed").search("x", filters=YEAR)
    assert found.attributes["year"] == 2025


@pytest.mark.parametrize(
    ("factory", "words"),
    [
        ("labs_own:nothing", "stores.wiki.factory: labs_own:nothing is not found"),
        ("labs_none:x", "No module named 'labs_none'"),
        ("labs_own:number", "a int is no retriever: it has none of search"),
        ("labs_own:Always", "grounding.yaml:2: stores.wiki.factory"),
        ("labs_own:broken", "wiki failed: RuntimeError"),
    ],
)
def test_what_is_no_retriever_is_a_failure(package: str, factory: str, words: str) -> None:
    if factory.endswith("Always"):
        [found] = bound(factory=factory).search("made by its class")
        assert found.source == "made.md"
        return
    with pytest.raises(RetrieverFailed) as caught:
        bound(factory=factory).search("x")
    assert words in caught.value.message
