"""Reranking is passed on as it is, to engines that do it."""

from __future__ import annotations

import json

import pytest

from tests.fakes.engine import FakeEngine
from tests.gateway.conftest import Door

ASKED = {"model": "tiny", "query": "What rises?", "documents": ["The sales.", "The rain."], "top_n": 1}


@pytest.mark.parametrize("path", ["/v1/rerank", "/rerank"])
async def test_passed_on(door: Door, engine: FakeEngine, path: str) -> None:
    answer = await door.post(path, ASKED)
    assert json.loads(answer.text)["results"] == [{"index": 0, "relevance_score": 0.5}]
    [received] = engine.received
    assert (received.path, received.fields) == ("/v1/rerank", {**ASKED, "model": "smollm2"})
    scraped = (await door.get("/metrics")).text
    assert 'model="smollm2",route="/v1/rerank",status="200",tier="local"} 1.0' in scraped
