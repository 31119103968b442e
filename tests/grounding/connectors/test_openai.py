"""Stores that speak as OpenAI's do, by its published answers."""

from __future__ import annotations

from typing import Any

import pytest

from kanoa_mlops.errors import RetrieverFailed
from kanoa_mlops.grounding.filters import Filter, parse_filter
from kanoa_mlops.grounding.types import Passage
from tests.grounding.connectors.provider import Answer, Provider
from tests.grounding.connectors.recorded import KEY, recorded, store

YEAR: Filter = parse_filter({"type": "eq", "key": "year", "value": 2026})


def entry(provider: Provider, **more: Any) -> dict[str, Any]:
    base = {"provider": "openai", "base_url": f"{provider.url}/v1", "vector_store_id": "vs_a/b"}
    return base | {"api_key_env": "LAB_KEY"} | more


def page(*texts: str, following: str = "") -> Answer:
    data = [
        {
            "file_id": f"file-{text}",
            "filename": "a.md",
            "score": 0.5,
            "content": [{"type": "text", "text": text}],
        }
        for text in texts
    ]
    return Answer({"data": data, "has_more": bool(following), "next_page": following or None})


def test_a_published_answer_is_understood() -> None:
    with Provider(Answer(recorded("openai_search"))) as provider, store(entry(provider)) as lab:
        assert lab.search("What is the return policy?", k=5) == [
            Passage(
                text="Relevant chunk",
                source="document.pdf",
                score=0.95,
                chunk_id="c_12",
                title="document.pdf",
                page=3,
                file_id="file_123",
                store="lab",
                attributes={"author": "John Doe", "date": "2023-01-01", "page": 3, "chunk_id": "c_12"},
            ),
            Passage(
                text="Sample text\nfrom the vector store.",
                source="notes.txt",
                score=0.89,
                title="notes.txt",
                file_id="file_456",
                store="lab",
                attributes={"author": "Jane Smith", "date": "2023-01-02"},
            ),
        ]
    [asked] = provider.asked
    assert asked.path == "/v1/vector_stores/vs_a%2Fb/search"
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.body == {"query": "What is the return policy?", "max_num_results": 5}


def test_filters_and_ranking_are_passed_on_as_they_are() -> None:
    ranking = {"ranker": "auto", "score_threshold": 0.2}
    with (
        Provider(page()) as provider,
        store(entry(provider, ranking_options=ranking, rewrite_query=True)) as lab,
    ):
        assert lab.search("x", k=2, filters=YEAR) == []
    assert provider.asked[0].body == {
        "query": "x",
        "max_num_results": 2,
        "filters": {"type": "eq", "key": "year", "value": 2026},
        "ranking_options": ranking,
        "rewrite_query": True,
    }


def test_azure_takes_its_key_and_its_version_in_places_of_its_own() -> None:
    more = {"key_header": "api-key", "api_version": "preview"}
    with Provider(page("a")) as provider, store(entry(provider, **more)) as lab:
        lab.search("x")
    [asked] = provider.asked
    assert asked.path.endswith("/search?api-version=preview")
    assert asked.headers["api-key"] == KEY
    assert "authorization" not in asked.headers


def test_many_are_had_by_pages() -> None:
    pages = page("a", "b", following="p2"), page("c", following="p3"), page("d", "e")
    with Provider(*pages) as provider, store(entry(provider)) as lab:
        assert [each.text for each in lab.search("x", k=60, filters=YEAR)] == ["a", "b", "c", "d", "e"]
    assert [each.path.partition("?")[2] for each in provider.asked] == ["", "page=p2", "page=p3"]
    assert {each.body["max_num_results"] for each in provider.asked} == {50}
    assert all(each.body["filters"]["key"] == "year" for each in provider.asked)


def test_who_knows_no_pages_is_asked_no_further_than_once_more() -> None:
    with Provider(page("a", "b", following="again")) as provider, store(entry(provider)) as lab:
        assert [each.text for each in lab.search("x", k=9)] == ["a", "b"]
    assert len(provider.asked) == 2


@pytest.mark.parametrize("body", [{"object": "list"}, [], {"data": {}}, "hello", None])
def test_what_is_no_page_of_results_is_a_failure(body: object) -> None:
    with (
        Provider(Answer(body)) as provider,
        store(entry(provider)) as lab,
        pytest.raises(RetrieverFailed, match="no page of search results") as caught,
    ):
        lab.search("x")
    assert "base_url" in caught.value.hint


@pytest.mark.parametrize(
    "result",
    [{}, {"content": None, "attributes": None}, {"content": {"text": "a"}, "score": "high"}, "text", None, 3],
)
def test_results_that_lack_what_they_should_have_are_no_traceback(result: object) -> None:
    with Provider(Answer({"data": [result]})) as provider, store(entry(provider)) as lab:
        assert len(lab.search("x")) == isinstance(result, dict)


def test_the_file_of_a_result_of_ogx_is_the_one_that_can_be_fetched() -> None:
    """As OGX 1.5.0 with faiss answered in November 2026; its scores are no shares."""
    result = {
        "file_id": "9d25e252-93c0-4fa4-bb80-bb4fe56a4488",
        "filename": "a.md",
        "score": 1.188,
        "attributes": {"file_id": "file-3aab9d8d", "chunk_id": "25c0c901", "year": 2024.0, "page": 4.0},
        "content": [{"type": "text", "text": "drift"}],
    }
    with Provider(Answer({"data": [result]})) as provider, store(entry(provider)) as lab:
        [found] = lab.search("x")
    assert (found.file_id, found.chunk_id, found.page) == ("file-3aab9d8d", "25c0c901", 4)
    assert found.score == 1.188
