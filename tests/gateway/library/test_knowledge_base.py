"""kanoa's client, grounded by a real gateway: it finds what the figure is about, and never raises."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import matplotlib
import pytest

from kanoa_mlops.errors import RetrieverFailed, UnknownCollection
from kanoa_mlops.grounding import KnowledgeBase
from kanoa_mlops.runtime.ports import free_port
from tests.gateway.library.conftest import House

matplotlib.use("Agg")

import matplotlib.pyplot as plt

DENSITY = b"# Density of metals\n\nCopper has 8.96 g/cm3 and zinc 7.14 g/cm3.\n"


async def in_thread(work: Any, *arguments: Any) -> Any:
    """As a notebook does: beside the gateway's loop."""
    return await asyncio.to_thread(work, *arguments)


@pytest.fixture
async def papers(house: House) -> KnowledgeBase:
    async with house.client() as client:
        store = await client.vector_stores.create(name="papers")
    await house.put(store.id, "drift.md", b"# Drift\n\nThe sensor drifts by 3 mV a month.\n")
    await house.put(store.id, "density.md", DENSITY)
    return KnowledgeBase("papers", url=house.url, api_key=house.key("ann"))


class Interpreter:
    """As kanoa 0.6's: it retrieves with what it was told, before it returns."""

    def __init__(self, knowledge_base: KnowledgeBase) -> None:
        self.knowledge_base = knowledge_base

    def interpret(self, fig: Any = None, data: Any = None, focus: str | None = None) -> list[dict[str, Any]]:
        return self.knowledge_base.retrieve(focus or "relevant information")


@pytest.fixture
def figure() -> Any:
    drawn, axes = plt.subplots()
    axes.set(title="Density", xlabel="metal", ylabel="g/cm3")
    axes.bar(["copper", "zinc"], [8.96, 7.14])
    yield drawn
    plt.close(drawn)


async def test_kanoa_gets_all_four_keys(papers: KnowledgeBase) -> None:
    [first, *_] = found = await in_thread(papers.retrieve, "how fast does the sensor drift")
    assert first.keys() == {"text", "score", "source_uri", "chunk_id"}
    assert "3 mV a month" in first["text"]
    assert 0 < first["score"] <= 1
    assert first["chunk_id"]
    assert papers.last_sources == found
    assert papers.last_error == ""


async def test_the_figure_is_searched_for_where_nothing_was_said(papers: KnowledgeBase, figure: Any) -> None:
    [first, *_] = await in_thread(papers.interpret, Interpreter(papers), figure)
    assert "Copper has 8.96" in first["text"]
    assert "copper" in papers.last_query
    assert "relevant information" not in papers.last_query
    assert await in_thread(Interpreter(papers).interpret, figure) == [], "as kanoa does without us"
    assert "nothing to search for" in papers.last_error


async def test_kanoas_interpreter_carries_the_sources(papers: KnowledgeBase, figure: Any) -> None:
    from kanoa import AnalyticsInterpreter

    closed = free_port()
    interpreter = AnalyticsInterpreter(
        backend="openai",
        api_base=f"http://127.0.0.1:{closed}/v1",
        model="none",
        api_key="local",
        grounding_mode="rag_engine",
        knowledge_base=papers,
    )
    # Streaming returns before the model is asked, and has retrieved by then.
    await in_thread(lambda: papers.interpret(interpreter, figure, stream=True, display_result=False))
    assert "Copper has 8.96" in papers.last_sources[0]["text"]


async def test_several_collections_by_rank(papers: KnowledgeBase, house: House) -> None:
    async with house.client() as client:
        other = await client.vector_stores.create(name="notes")
    await house.put(other.id, "more.md", b"# Drift\n\nThe sensor drifts more in summer.\n")
    both = KnowledgeBase("papers", "notes", url=house.url, api_key=house.key("ann"))
    texts = " ".join(each["text"] for each in await in_thread(both.retrieve, "sensor drift"))
    assert "3 mV" in texts
    assert "in summer" in texts
    some = KnowledgeBase("papers", "nothing", url=house.url, api_key=house.key("ann"))
    assert await in_thread(some.retrieve, "sensor drift")
    assert some.last_error == "nothing: There is no vector store 'nothing'."


async def test_it_never_raises_and_says_why(papers: KnowledgeBase, house: House) -> None:
    foreign = KnowledgeBase("papers", url=house.url, api_key=house.key("bob"))
    assert await in_thread(foreign.retrieve, "drift") == []
    assert "There is no vector store 'papers'" in foreign.last_error
    absent = KnowledgeBase("papers", url=f"http://127.0.0.1:{free_port()}/v1")
    assert await in_thread(absent.retrieve, "drift") == []
    assert "nothing answers at http://127.0.0.1" in absent.last_error
    wrong = KnowledgeBase("papers", url=house.url, api_key="sk-wrong")
    assert await in_thread(wrong.retrieve, "drift") == []
    assert wrong.last_error
    assert "sk-wrong" not in wrong.last_error


async def test_it_ends_in_time() -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the client leaves
        writer.close()

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        slow = KnowledgeBase("papers", "notes", url=f"http://127.0.0.1:{port}/v1", seconds=0.5)
        assert await in_thread(slow.retrieve, "drift") == []
        assert "papers: " in slow.last_error
        assert "notes: the 0.5 s were used up" in slow.last_error
    finally:
        server.close()


async def test_a_corpus_as_vertex_has_it(house: House, tmp_path: Path) -> None:
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "density.md").write_bytes(DENSITY)
    made = KnowledgeBase("metals", url=house.url, api_key=house.key("ann"))
    with pytest.raises(UnknownCollection, match="'metals'"):
        await in_thread(made.get_corpus)
    corpus = await in_thread(made.create_corpus)
    assert await in_thread(made.create_corpus) == corpus, "twice is once"
    await in_thread(made.import_files, tmp_path / "papers")
    assert (await in_thread(made.retrieve, "copper"))[0]["source_uri"] == "density.md"
    (tmp_path / "papers" / "broken.pdf").write_bytes(b"%PDF-1.7 and no more")
    with pytest.raises(RetrieverFailed, match=r"1 of 2 .*broken\.pdf: "):
        await in_thread(made.import_files, tmp_path / "papers")
    await in_thread(made.delete_corpus)
    with pytest.raises(UnknownCollection):
        await in_thread(made.get_corpus)


def test_without_a_name_it_says_so() -> None:
    with pytest.raises(UnknownCollection, match="No collection is named"):
        KnowledgeBase()
