"""What makes no sense is refused before anything is searched, and the field is named."""

from __future__ import annotations

from typing import Any

import pytest

from kanoa_mlops.gateway.library.asked import RankingOptions
from kanoa_mlops.grounding.types import Ranking
from tests.fakes.engine import FakeEngine
from tests.fakes.reciting import RecitingEngine
from tests.gateway.conftest import Door, OpenDoor, backend
from tests.gateway.grounded.conftest import CHAT, asked, error, search

RANKING = "tools[0].ranking_options"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": [{"type": "file_search"}]}, "tools[0].vector_store_ids"),
        ({"tools": [search() | {"vector_store_ids": []}]}, "tools[0].vector_store_ids"),
        ({"tools": [search() | {"vector_store_ids": "papers"}]}, "tools[0].vector_store_ids"),
        ({"tools": [search(" ")]}, "tools[0].vector_store_ids[0]"),
        ({"tools": [search(*"abcdefghijklmnopq")]}, "tools[0].vector_store_ids"),
        ({"tools": [search(max_num_results=0)]}, "tools[0].max_num_results"),
        ({"tools": [search(max_num_results=51)]}, "tools[0].max_num_results"),
        ({"tools": [search(max_num_results="5")]}, "tools[0].max_num_results"),
        ({"tools": [search(), search(filters={"type": "like"})]}, "tools[1].filters"),
        ({"tools": [search(filters=5)]}, "tools[0].filters"),
        ({"tools": [search(ranking_options={"score_threshold": 2})]}, f"{RANKING}.score_threshold"),
        (
            {"tools": [search(ranking_options={"hybrid_search": {"text_weight": -1}})]},
            f"{RANKING}.hybrid_search.text_weight",
        ),
        (
            {"tools": [search(ranking_options={"hybrid_search": {"text_weight": 0, "embedding_weight": 0}})]},
            f"{RANKING}.hybrid_search",
        ),
        ({"grounding": "papers"}, "grounding"),
        ({"grounding": {}, "tools": []}, "tools"),
        ({"grounding": {"mode": "sometimes"}}, "grounding.mode"),
        ({"grounding": {"query": 5}}, "grounding.query"),
        ({"grounding": {"figure_text": ["a"]}}, "grounding.figure_text"),
        ({"grounding": {"on_error": "ignore"}}, "grounding.on_error"),
        ({"grounding": {"max_context_tokens": 10}}, "grounding.max_context_tokens"),
        ({"grounding": {"citations": "footnotes"}}, "grounding.citations"),
    ],
)
async def test_the_field_is_named(
    door: Door, reciter: RecitingEngine, fields: dict[str, Any], param: str
) -> None:
    status, code, named, _ = error(await door.post(CHAT, asked(**fields)))
    assert (status, code, named) == (400, "invalid_value", param)
    assert reciter.received == []


async def test_null_is_not_asking(door: Door, reciter: RecitingEngine) -> None:
    answer = await door.post(CHAT, asked(tools=None, grounding=None))
    assert answer.status == 200
    assert "x-grounding-status" not in answer.headers
    assert "grounding" not in reciter.received[0]


async def test_nothing_is_kept_here(engine: FakeEngine, open_door: OpenDoor) -> None:
    door = await open_door(backend(engine.url))
    status, code, param, message = error(await door.post(CHAT, asked()))
    assert (status, code, param) == (404, "no_library", "tools[0].vector_store_ids")
    assert "kanoa-mlops[grounding]" in message
    assert engine.received == []


async def test_the_model_is_looked_for_first(door: Door) -> None:
    assert (await door.post(CHAT, asked(model="nope"))).status == 404


def test_weights_are_what_was_said_and_none_where_nothing_was() -> None:
    said = RankingOptions.model_validate({"hybrid_search": {"text_weight": 0.7, "embedding_weight": 0.3}})
    assert said.ranking == Ranking(0.7, 0.3)
    threshold = RankingOptions.model_validate({"score_threshold": 0.2})
    assert threshold.ranking == Ranking(None, None, 0.2)
