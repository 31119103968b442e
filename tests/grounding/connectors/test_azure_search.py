"""Azure AI Search by its published answers; Azure was not asked."""

from __future__ import annotations

from typing import Any

import pytest

from kanoa_mlops.errors import RetrieverFailed
from kanoa_mlops.grounding.filters import parse_filter
from kanoa_mlops.grounding.types import Passage
from tests.grounding.connectors.provider import Answer, Provider
from tests.grounding.connectors.recorded import KEY, recorded, store

FIRST = recorded("azure_search")
LAST = {"value": [{"@search.score": 0.1, "description": "Tent", "docId": "3", "title": "Camp"}]}
HIGH = parse_filter({"type": "gt", "key": "rating", "value": 4.0})


def entry(provider: Provider, **more: Any) -> dict[str, Any]:
    return {
        "provider": "azure-search",
        "endpoint": provider.url,
        "index": "myindex",
        "text_field": "description",
        "id_field": "docId",
        "api_key_env": "LAB_KEY",
    } | more


def test_a_published_answer_is_understood() -> None:
    with Provider(Answer(FIRST)) as provider, store(entry(provider)) as lab:
        assert lab.search("nice hotels", k=2, filters=HIGH) == [
            Passage(
                text="Cheapest hotel in town",
                source="Nice Hotel",
                score=1.5,
                chunk_id="1",
                title="Nice Hotel",
                page=4,
                store="lab",
                attributes={"docId": "1", "title": "Nice Hotel", "page": 4},
            ),
            Passage(
                text="Best hotel in town",
                source="https://example.org/2",
                score=2.5,
                chunk_id="2",
                title="Fancy Hotel",
                store="lab",
                attributes={"docId": "2", "title": "Fancy Hotel", "url": "https://example.org/2"},
            ),
        ]
    [asked] = provider.asked
    assert asked.path == "/indexes('myindex')/docs/search.post.search?api-version=2024-07-01"
    assert asked.headers["api-key"] == KEY
    assert asked.body == {"search": "nice hotels", "top": 2, "filter": "rating gt 4.0"}


def test_the_next_page_is_asked_for_as_it_says() -> None:
    with Provider(Answer(FIRST), Answer(LAST)) as provider, store(entry(provider)) as lab:
        assert [each.chunk_id for each in lab.search("nice hotels", k=9, filters=HIGH)] == ["1", "2", "3"]
    assert provider.asked[1].body == FIRST["@search.nextPageParameters"]


def test_vectors_and_azures_ranking_are_asked_for_where_the_index_has_them() -> None:
    more = {"vector_field": "v", "semantic_configuration": "best", "key_header": "authorization"}
    with Provider(Answer(LAST)) as provider, store(entry(provider, **more)) as lab:
        lab.search("x", k=3)
    [asked] = provider.asked
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.body == {
        "search": "x",
        "top": 3,
        "vectorQueries": [{"kind": "text", "text": "x", "fields": "v", "k": 50}],
        "vectorFilterMode": "preFilter",
        "queryType": "semantic",
        "semanticConfiguration": "best",
    }


def test_fields_are_called_as_their_owner_says() -> None:
    document = {"body": "text", "where": "a.pdf", "what": "A", "sheet": 7, "@search.score": 1}
    more = {
        "text_field": "body",
        "source_field": "where",
        "title_field": "what",
        "page_field": "sheet",
    }
    with Provider(Answer({"value": [document]})) as provider, store(entry(provider, **more)) as lab:
        [found] = lab.search("x")
    assert (found.text, found.source, found.title, found.page) == ("text", "a.pdf", "A", 7)


@pytest.mark.parametrize("body", [[], {}, {"value": {}}])
def test_what_are_no_documents_is_a_failure(body: object) -> None:
    with (
        Provider(Answer(body)) as provider,
        store(entry(provider)) as lab,
        pytest.raises(RetrieverFailed, match="no documents"),
    ):
        lab.search("x")
