"""Reranking by the real engine. No package carries a reranker: the head that ranks is made here by chance."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from gguf import GGUFReader

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.engines.llamacpp import llama_flags
from kanoa_mlops.planner.planner import plan
from kanoa_mlops.planner.wish import Wish
from kanoa_mlops.settings import load_settings
from kanoa_mlops.weights.making.gguf_file import StoredTensor, TensorKind, gguf_pieces
from kanoa_mlops.weights.progress import SilentProgress
from kanoa_mlops.weights.pull import pull
from tests.conftest import real_engine
from tests.gateway.conftest import Door, OpenDoor, backend
from tests.planner.machines import GIB, processor

pytestmark = pytest.mark.e2e

_MINILM = "all-minilm-l6-v2"
_RANK = 4
"""llama.cpp's number of the pooling that ranks."""


@pytest.fixture(scope="module")
def ranker(catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MiniLM's file with a head of one row upon it."""
    [weights] = [each for each in catalog.models[_MINILM].weights if each.format == "gguf"]
    reader = GGUFReader(pull(weights, _MINILM, load_settings(), SilentProgress())[0])
    metadata: dict[str, Any] = {
        name: field.contents() for name, field in reader.fields.items() if not name.startswith("GGUF.")
    }
    kinds: dict[str, TensorKind] = {"F32": "F32", "Q8_0": "Q8_0"}
    tensors = [
        StoredTensor(
            each.name,
            tuple(int(size) for size in each.shape[::-1]),
            kinds[each.tensor_type.name],
            each.data.tobytes(),
        )
        for each in reader.tensors
    ]
    chance = random.Random(1)
    head = struct.pack("<384f", *(chance.gauss(0, 1) for _ in range(384)))
    tensors.append(StoredTensor("cls.output.weight", (1, 384), "F32", head))
    path = tmp_path_factory.mktemp("ranker") / "ranker.gguf"
    path.write_bytes(b"".join(gguf_pieces(metadata | {"bert.pooling_type": _RANK}, tensors)))
    return path


@pytest.fixture(scope="module")
def engine(ranker: Path, catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """With the flags that a plan for a reranker gives."""
    wish = Wish(engine="llama.cpp", context=512, sequences=2)
    made = plan(catalog.models["bge-reranker-v2-m3"], processor(16 * GIB), wish, catalog)
    flags = llama_flags(replace(made, threads=2))
    with real_engine(ranker, tmp_path_factory.mktemp("engine"), *flags, alias="ranker") as url:
        yield url


@pytest.fixture
async def door(engine: str, open_door: OpenDoor) -> Door:
    return await open_door(
        backend(engine, model="ranker", aliases=(), engine_key="", kind="rerank", context_tokens=512)
    )


async def test_documents_are_ranked(door: Door) -> None:
    documents = ["Copper conducts heat.", "The cat sleeps.", "Rain falls."]
    asked = {"model": "rerank", "query": "What conducts heat?", "documents": documents}
    answer = await door.post("/v1/rerank", asked)
    assert answer.status == 200, answer.text
    results = json.loads(answer.text)["results"]
    assert {each["index"] for each in results} == {0, 1, 2}
    assert len({each["relevance_score"] for each in results}) == 3
    best = json.loads((await door.post("/v1/rerank", {**asked, "top_n": 1})).text)["results"]
    assert best == [max(results, key=lambda each: float(each["relevance_score"]))]


async def test_it_does_nothing_else(door: Door) -> None:
    answer = await door.post("/v1/embeddings", {"model": "ranker", "input": "hi"})
    assert (answer.status, json.loads(answer.text)["error"]["code"]) == (400, "wrong_kind_of_model")


async def test_a_document_too_long_is_refused(door: Door) -> None:
    asked = {"model": "ranker", "query": "hi", "documents": ["word " * 900]}
    error = json.loads((await door.post("/v1/rerank", asked)).text)["error"]
    assert (error["code"], error["n_ctx"], error["param"]) == ("context_length_exceeded", 512, "documents")
    assert error["n_prompt_tokens"] > 900
