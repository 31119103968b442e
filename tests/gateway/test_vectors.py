"""What is asked of models that make vectors: whom, how long a text, how long a vector."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kanoa_mlops.gateway.backends import Backends
from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.http.response import Response
from kanoa_mlops.gateway.kinds import KINDS, require_kind
from kanoa_mlops.gateway.routes import PASSED_ON
from kanoa_mlops.gateway.truncating import wished_tokens
from kanoa_mlops.gateway.vectors import Vectors, cut, wished_dimensions
from tests.gateway.conftest import backend

CHAT = backend("http://chat", model="writer", aliases=(), kind="chat")
EMBEDDING = backend("http://vectors", model="embedder", aliases=(), kind="embedding")
RERANK = backend("http://ranks", model="ranker", aliases=(), kind="rerank")
UNKNOWN = backend("http://unknown", model="stranger", aliases=())

_NUMBERS = st.lists(
    st.floats(-100, 100, width=32).filter(lambda number: abs(number) > 1e-3), min_size=4, max_size=8
)


def answer(*embeddings: Any) -> Response:
    data = [{"index": index, "embedding": each} for index, each in enumerate(embeddings)]
    return Response(200, json.dumps({"data": data, "usage": {"prompt_tokens": 3}}).encode(), {})


def packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def unpacked(text: str) -> tuple[float, ...]:
    raw = base64.b64decode(text)
    return struct.unpack(f"<{len(raw) // 4}f", raw)


def test_every_route_to_an_engine_wants_some_kind() -> None:
    assert KINDS.keys() == set(PASSED_ON)


@pytest.mark.parametrize(
    ("served", "names"),
    [
        ((EMBEDDING, CHAT, RERANK), {"default": "writer", "embedding": "embedder", "rerank": "ranker"}),
        ((EMBEDDING,), {"default": "embedder", "embedding": "embedder", "rerank": None}),
        ((UNKNOWN,), {"default": "stranger", "embedding": None}),
    ],
)
def test_names_by_what_is_served(served: Any, names: dict[str, str | None]) -> None:
    backends = Backends(served)
    found = {name: backends.find(name) for name in names}
    assert {name: each and each.model for name, each in found.items()} == names


def test_who_is_for_something_else_names_the_others() -> None:
    backends = Backends([CHAT, EMBEDDING])
    with pytest.raises(ApiError, match=r"Ask embedder; 'embedding' names the first") as caught:
        require_kind(CHAT, "embedding", backends)
    assert (caught.value.status, caught.value.param) == (400, "model")
    with pytest.raises(ApiError, match="serve writer embedder bge-reranker-v2-m3"):
        require_kind(EMBEDDING, "rerank", backends)
    require_kind(CHAT, "chat", backends)
    require_kind(UNKNOWN, "rerank", backends)  # its engine judges


@given(_NUMBERS, st.integers(1, 4))
def test_a_vector_is_cut_in_the_form_it_came_in(vector: list[float], dimensions: int) -> None:
    shorter = json.loads(cut(answer(vector, packed(vector)), dimensions).body)
    listed, text = (each["embedding"] for each in shorter["data"])
    assert len(listed) == dimensions
    assert sum(number**2 for number in listed) == pytest.approx(1)
    assert unpacked(text) == pytest.approx(listed, rel=1e-5, abs=1e-6)
    first = vector[0] / listed[0]
    assert [number * first for number in listed] == pytest.approx(vector[:dimensions], rel=1e-4)
    assert shorter["usage"] == {"prompt_tokens": 3}


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"data": [{}]}', b"<html>"])
def test_what_is_no_answer_is_told(body: bytes) -> None:
    with pytest.raises(ApiError, match="no embeddings"):
        cut(Response(200, body, {}), 2)


@pytest.mark.parametrize(
    ("vectors", "wished", "taken"),
    [
        (Vectors(384), None, None),
        (Vectors(384), 384, None),
        (Vectors(768, cuts=(512, 256)), 256, 256),
        (Vectors(1024, shortest=32), 100, 100),
    ],
)
def test_lengths_that_are_allowed(vectors: Vectors, wished: int | None, taken: int | None) -> None:
    assert wished_dimensions({"dimensions": wished}, "m", vectors) == taken


@pytest.mark.parametrize(
    ("vectors", "wished", "said"),
    [
        (Vectors(384), 256, "cannot be cut"),
        (Vectors(768, cuts=(512, 256)), 300, "to 512 or 256"),
        (Vectors(1024, shortest=32), 16, "from 32 on"),
        (Vectors(1024, shortest=32), 2048, "from 32 on"),
        (Vectors(384), "384", "cannot be cut"),
        (Vectors(384), True, "cannot be cut"),
    ],
)
def test_lengths_that_are_not(vectors: Vectors, wished: object, said: str) -> None:
    with pytest.raises(ApiError, match=said):
        wished_dimensions({"dimensions": wished}, "m", vectors)


@pytest.mark.parametrize("wished", [0, -2, "10", 1.5, True])
def test_no_number_of_tokens(wished: object) -> None:
    with pytest.raises(ApiError, match="truncate_prompt_tokens"):
        wished_tokens({"truncate_prompt_tokens": wished})
