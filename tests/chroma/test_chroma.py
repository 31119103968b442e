"""The connector, against the real server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kanoa_mlops.errors import BadFilter, RetrieverFailed
from kanoa_mlops.grounding.connectors.chroma import Chroma, ChromaCollection
from kanoa_mlops.grounding.filters import Comparison, Filter, Junction, Value
from kanoa_mlops.grounding.types import Passage, Space
from tests.chroma.server import ChromaServer
from tests.grounding.connectors.embedder import Hashing
from tests.grounding.connectors.provider import Answer, Provider
from tests.grounding.filtering import attributes, filters

pytestmark = pytest.mark.chroma

MODEL = Hashing()


@pytest.fixture(scope="module")
def server() -> Iterator[ChromaServer]:
    with ChromaServer() as server:
        yield server


def store(url: str, collection: str, *, model: Hashing = MODEL, **more: Any) -> ChromaCollection:
    whole = {"url": url, "collection": collection, "embedding_model": model.space.model, **more}
    return Chroma.model_validate(whole).joined("lab", model)


def search(url: str, collection: str, query: str, **more: Any) -> Sequence[Passage]:
    where = more.pop("where", None)
    one = store(url, collection, **more)
    try:
        return one.search(query, k=50, filters=where)
    finally:
        one.close()


def vectors(texts: Sequence[str]) -> list[list[float]]:
    return [MODEL.query(text).tolist() for text in texts]


@pytest.mark.parametrize("space", ["cosine", "l2", "ip"])
def test_what_is_nearest_comes_first_with_all_that_is_known_of_it(server: ChromaServer, space: str) -> None:
    texts = ["noise", "drift", "limits"]
    kept = [
        None,
        {"source": "drift.md", "title": "Drift", "page": 2, "year": 2026, "good": True},
        {"year": 2},
    ]
    server.keep(server.make(f"papers-{space}", space=space), texts, vectors(texts), kept)
    found = search(server.url, f"papers-{space}", "drift")
    first = found[0]
    assert (first.text, first.source, first.title, first.page) == ("drift", "drift.md", "Drift", 2)
    assert (first.chunk_id, first.store, first.attributes["good"]) == ("1", "lab", True)
    assert first.score == pytest.approx(1.0, abs=1e-4)
    scores = [each.score for each in found]
    assert len(scores) == 3
    assert scores == sorted(scores, key=lambda score: -(score or 0))


def _said(one: Filter) -> bool:
    """Whether Chroma can say it."""
    if isinstance(one, Junction):
        return all(map(_said, one.filters))
    return one.operator not in ("gt", "gte", "lt", "lte") or not isinstance(one.value, str)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kept=st.lists(attributes(), min_size=1, max_size=8), where=filters())
def test_a_filter_lets_through_what_it_should(
    server: ChromaServer, kept: list[dict[str, Value]], where: Filter
) -> None:
    if not _said(where):
        with pytest.raises(BadFilter, match="orders numbers alone"):
            search(server.url, "law", "any", where=where)
        return
    texts = [str(number) for number in range(len(kept))]
    # An empty object is refused.
    server.keep(server.make("law"), texts, vectors(texts), [each or None for each in kept])
    try:
        found = {each.text for each in search(server.url, "law", "any", where=where)}
    finally:
        server.remove("law")
    assert found == {text for text, each in zip(texts, kept, strict=True) if where.passes(each)}


@pytest.mark.parametrize("operator", ["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin"])
def test_a_whole_number_is_compared_with_all_of_a_fraction(server: ChromaServer, operator: Any) -> None:
    kept = [-2, -1, 0, 1, 2, -0.5, 0.1, 0.0, True]
    texts = [str(number) for number in range(len(kept))]
    server.keep(server.make("whole"), texts, vectors(texts), [{"at": each} for each in kept])
    try:
        for value in (-1.5, -0.5, 0.1, 0.9, 1.5, 1.0):
            where = Comparison(operator, "at", (value,) if operator in ("in", "nin") else value)
            found = {each.text for each in search(server.url, "whole", "any", where=where)}
            assert found == {
                text for text, each in zip(texts, kept, strict=True) if where.passes({"at": each})
            }
    finally:
        server.remove("whole")


@pytest.mark.parametrize("key", ["$year", "#document", "chroma:document"])
def test_what_chroma_cannot_say_is_not_left_out(server: ChromaServer, key: str) -> None:
    with pytest.raises(BadFilter, match="no way to name the field"):
        search(server.url, "any", "drift", where=Comparison("eq", key, 1))


def test_another_model_is_named(server: ChromaServer) -> None:
    server.keep(server.make("theirs"), ["a"], vectors(["a"]), [None])
    with pytest.raises(RetrieverFailed) as error:
        search(server.url, "theirs", "a", model=Hashing(Space("model-b", 3)))
    assert "'theirs' holds vectors of 4 dimensions, and those of model-b have 3" in str(error.value)


def test_a_collection_that_is_not_there_is_told(server: ChromaServer) -> None:
    with pytest.raises(RetrieverFailed, match=r"404: .*nothing.*does not exist"):
        search(server.url, "nothing", "a")


def test_one_that_was_made_anew_is_found_again(server: ChromaServer) -> None:
    server.keep(server.make("again"), ["before"], vectors(["before"]), [None])
    one = store(server.url, "again")
    assert [each.text for each in one.search("x")] == ["before"]
    server.remove("again")
    server.keep(server.make("again"), ["after"], vectors(["after"]), [None])
    assert [each.text for each in one.search("x")] == ["after"]
    one.close()


def test_each_database_has_its_own(server: ChromaServer) -> None:
    server.make_database("other")
    server.keep(server.make("both"), ["here"], vectors(["here"]), [None])
    server.keep(server.make("both", database="other"), ["there"], vectors(["there"]), [None], "other")
    assert [each.text for each in search(server.url, "both", "x")] == ["here"]
    assert [each.text for each in search(server.url, "both", "x", database="other")] == ["there"]


@pytest.mark.parametrize(
    ("header", "sent"), [("x-chroma-token", "sesame-1"), ("authorization", "Bearer sesame-1")]
)
def test_the_key_is_sent_and_a_refusal_does_not_say_it(tmp_path: Path, header: str, sent: str) -> None:
    file = tmp_path / "key"
    file.write_text("sesame-1")
    file.chmod(0o600)
    refusal = Answer({"error": "AuthError", "message": "no: sesame-1"}, status=401)
    with Provider(refusal) as provider, pytest.raises(RetrieverFailed, match="401") as error:
        search(provider.url, "papers", "drift", api_key_file=file, key_header=header)
    assert provider.asked[0].headers[header] == sent
    assert "sesame" not in f"{error.value} {error.value.hint}"


def test_what_is_no_chroma_is_told() -> None:
    with (
        Provider(Answer({"hello": "world"})) as provider,
        pytest.raises(RetrieverFailed, match="no collection"),
    ):
        search(provider.url, "papers", "drift")
