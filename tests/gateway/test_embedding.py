"""Vectors by a served engine, from threads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import numpy
import pytest

from kanoa_mlops.errors import DoesNotFit, RetrieverFailed
from kanoa_mlops.gateway.backends import Backend, Backends
from kanoa_mlops.gateway.embedding import Engines
from kanoa_mlops.gateway.http.client import Client
from kanoa_mlops.gateway.vectors import Vectors
from kanoa_mlops.grounding.types import Embedder, Space
from tests.fakes.embedding_engine import DIMENSIONS, LONGEST, EmbeddingEngine

MODEL = "minilm"


@pytest.fixture
async def engine() -> AsyncIterator[EmbeddingEngine]:
    async with EmbeddingEngine() as running:
        yield running


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    made = Client("test")
    yield made
    made.close()


def served(at: str, **changes: Any) -> Backend:
    values: dict[str, Any] = {
        "model": MODEL,
        "aliases": ("embedding",),
        "url": at,
        "engine": "llama.cpp b1",
        "sees": False,
        "context_tokens": 512,
        "state": "ready",
        "engine_key": "engine-secret",
        "upstream_model": "all-minilm",
    }
    return Backend(**values | changes)


def engines(client: Client, *backends: Backend, **terms: Any) -> Engines:
    return Engines(asyncio.get_running_loop(), client, Backends(backends), **{"loader": None} | terms)


def embedder(found: Embedder | None) -> Embedder:
    assert found is not None
    return found


async def test_documents_and_questions_become_vectors(engine: EmbeddingEngine, client: Client) -> None:
    vectors = Vectors(DIMENSIONS, query_prompt="query: ", document_prompt="passage: ")
    room = engines(client, served(engine.url, vectors=vectors))
    made = embedder(room.embedder_of(None))
    rows = await asyncio.to_thread(made.documents, ["the drift", "the noise", "drift " * 200])
    assert rows.shape == (3, DIMENSIONS)
    assert numpy.allclose(numpy.linalg.norm(rows, axis=1), 1, atol=1e-5)
    question = await asyncio.to_thread(made.query, "drift")
    assert question @ rows[0] > question @ rows[1]
    assert made.space == Space(MODEL, DIMENSIONS)
    assert {each["model"] for each in engine.asked} == {"all-minilm"}
    assert set(engine.keys) == {"Bearer engine-secret"}
    texts = [text for each in engine.asked for text in each["input"]]
    assert "query: drift" in texts
    assert "passage: the drift" in texts
    assert any(len(text) > LONGEST for text in texts)  # refused, and then sent in pieces


async def test_a_space_names_its_model(engine: EmbeddingEngine, client: Client) -> None:
    room = engines(client, served(engine.url))
    assert room.embedder_of(Space("another", 3)) is None
    assert embedder(room.embedder_of(Space(MODEL, DIMENSIONS))).space == Space(MODEL, DIMENSIONS)
    with pytest.raises(RetrieverFailed, match="64 dimensions where 3"):
        await asyncio.to_thread(embedder(room.embedder_of(Space(MODEL, 3))).query, "drift")


async def test_where_none_is_served_there_is_none(client: Client) -> None:
    assert engines(client).embedder_of(None) is None


async def test_documents_never_leave_the_owners_machines(engine: EmbeddingEngine, client: Client) -> None:
    room = engines(client, served(engine.url, tier="hosted"))
    with pytest.raises(RetrieverFailed, match="documents are not sent"):
        await asyncio.to_thread(embedder(room.embedder_of(None)).query, "drift")
    assert engine.asked == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"state": "down", "reason": "It ended: out of memory."}, "is down: It ended: out of memory"),
        ({"url": "http://127.0.0.1:9"}, "cannot be reached"),
    ],
)
async def test_what_is_wrong_is_said_in_words(
    engine: EmbeddingEngine, client: Client, changes: dict[str, Any], words: str
) -> None:
    room = engines(client, served(engine.url, **changes))
    with pytest.raises(RetrieverFailed, match=words):
        await asyncio.to_thread(embedder(room.embedder_of(None)).query, "drift")


async def test_a_refusal_is_told(engine: EmbeddingEngine, client: Client) -> None:
    engine.failing, engine.times = 503, 1
    with pytest.raises(RetrieverFailed, match="HTTP 503: told to"):
        await asyncio.to_thread(embedder(engines(client, served(engine.url)).embedder_of(None)).query, "x")


async def test_silence_ends(engine: EmbeddingEngine, client: Client) -> None:
    engine.silent = True
    room = engines(client, served(engine.url), seconds=0.2)
    with pytest.raises(RetrieverFailed, match=r"did not answer within 0\.2 s"):
        await asyncio.to_thread(embedder(room.embedder_of(None)).query, "drift")


class OnDemand:
    """Puts the engine where it is once it is asked for."""

    def __init__(self, backends: Backends, ready: Backend | None) -> None:
        self.backends, self.ready, self.held = backends, ready, 0

    @asynccontextmanager
    async def _loaded(self) -> AsyncIterator[None]:
        if self.ready is None:
            raise DoesNotFit("There is no room for it.")
        self.backends.put(self.ready)
        self.held += 1
        yield
        self.held -= 1

    def using(self, model: str, tell: Callable[[str], None]) -> AbstractAsyncContextManager[None]:
        return self._loaded()


async def test_a_model_on_demand_is_loaded_and_let_go(engine: EmbeddingEngine, client: Client) -> None:
    asleep = served("http://127.0.0.1:9", state="asleep", on_demand=True)
    backends = Backends([asleep])
    loader = OnDemand(backends, served(engine.url, on_demand=True))
    room = Engines(asyncio.get_running_loop(), client, backends, loader)
    vector = await asyncio.to_thread(embedder(room.embedder_of(None)).query, "drift")
    assert vector.shape == (DIMENSIONS,)
    assert loader.held == 0
    refusing = Engines(asyncio.get_running_loop(), client, Backends([asleep]), OnDemand(backends, None))
    with pytest.raises(RetrieverFailed, match="was not loaded: There is no room for it"):
        await asyncio.to_thread(embedder(refusing.embedder_of(None)).query, "drift")
