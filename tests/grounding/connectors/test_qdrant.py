from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kanoa_mlops.errors import BadFilter, RetrieverFailed
from kanoa_mlops.grounding.connectors.qdrant import Qdrant, QdrantCollection
from kanoa_mlops.grounding.filters import Comparison, Filter, Junction, Value
from kanoa_mlops.grounding.types import Passage, Space
from tests.grounding.connectors.embedder import Hashing
from tests.grounding.connectors.qdrant_server import Core, Local, Point, QdrantServer
from tests.grounding.filtering import VALUES, attributes, filters

MODEL = Hashing()
KEPT: list[dict[str, Any]] = [
    {"text": "drift", "source": "drift.md", "title": "Drift", "page": 3, "year": 2026, "heading": "Limits"},
    {"text": "noise", "source": "noise.md", "year": 2025, "tags": ["a", "b"]},
]


def points(kept: Sequence[dict[str, Any]]) -> list[Point]:
    return [
        (number, MODEL.query(each.get("text", str(number))).tolist(), each)
        for number, each in enumerate(kept)
    ]


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    core = Core(tmp_path / "shard", 4)
    yield core
    core.close()


def search(server: QdrantServer, query: str, **more: Any) -> Sequence[Passage]:
    where, k = more.pop("where", None), more.pop("k", 50)
    model = more.pop("model", MODEL)
    whole = {"url": server.url, "collection": "papers", "embedding_model": model.space.model, **more}
    store = Qdrant.model_validate(whole).joined("lab", model)
    try:
        return store.search(query, k=k, filters=where)
    finally:
        store.close()


def test_what_is_nearest_comes_first_with_all_that_is_known_of_it(core: Core) -> None:
    core.keep(points(KEPT))
    with QdrantServer(core) as server:
        found = search(server, "drift")
    first = found[0]
    assert [each.text for each in found] == ["drift", "noise"]
    assert (first.source, first.title, first.page, first.heading, first.store) == (
        "drift.md", "Drift", 3, "Limits", "lab",
    )  # fmt: skip
    assert first.score == pytest.approx(1.0, abs=1e-5)
    assert first.attributes["year"] == 2026
    assert "tags" not in found[1].attributes


def test_langchains_points_are_read_as_they_are(core: Core) -> None:
    core.keep(
        [
            (
                7,
                MODEL.query("drift").tolist(),
                {"page_content": "drift", "metadata": {"source": "a.pdf", "page": 0, "year": 2026}},
            )
        ]
    )
    with QdrantServer(core) as server:
        names = {"text_field": "page_content", "attributes_field": "metadata", "first_page": 0}
        [found] = search(server, "drift", where=Comparison("eq", "year", 2026), **names)
        assert (found.text, found.source, found.page, found.chunk_id) == ("drift", "a.pdf", 1, "7")
        assert search(server, "drift", where=Comparison("ne", "year", 2026), **names) == []


_NO_TRUTHS = VALUES.filter(lambda value: not isinstance(value, bool))
_TRUTH = st.booleans() | st.sampled_from(["true", "x"])


def _said(one: Filter) -> bool:
    """Whether Qdrant can say it."""
    if isinstance(one, Junction):
        return all(map(_said, one.filters))
    return one.operator not in ("gt", "gte", "lt", "lte") or not isinstance(one.value, str)


def agrees(collection: Core | Local, kept: Sequence[dict[str, Value]], where: Filter) -> None:
    collection.keep(points(kept))
    with QdrantServer(collection) as server:
        if not _said(where):
            with pytest.raises(BadFilter, match="orders numbers alone"):
                search(server, "any", where=where)
            return
        found = {each.chunk_id for each in search(server, "any", where=where)}
    assert found == {str(number) for number, each in enumerate(kept) if where.passes(each)}


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kept=st.lists(attributes(), min_size=8, max_size=8), where=filters(_NO_TRUTHS))
def test_a_filter_lets_through_what_it_should_in_its_core(
    core: Core, kept: list[dict[str, Value]], where: Filter
) -> None:
    agrees(core, kept, where)


@settings(max_examples=60, deadline=None)
@given(
    kept=st.lists(
        st.builds(
            lambda one, other: one | other,
            attributes(_NO_TRUTHS, ("year",)),
            attributes(_TRUTH, ("is_draft",)),
        ),
        min_size=8,
        max_size=8,
    ),
    where=st.one_of(
        filters(_TRUTH, ("is_draft",)),
        st.builds(
            lambda one, other: Junction("and", (one, other)),
            filters(_NO_TRUTHS, ("year",)),
            filters(_TRUTH, ("is_draft",)),
        ),
    ),
)
def test_a_filter_lets_through_what_it_should_in_its_local_mode(
    kept: list[dict[str, Value]], where: Filter
) -> None:
    local = Local(4)
    agrees(local, kept, where)
    local.close()


@pytest.mark.parametrize(
    ("where", "said"),
    [
        (Comparison("gt", "author", "a"), "orders numbers alone, not 'a' of 'author'"),
        (Comparison("eq", 'a"b', 1), "no way to name the field"),
        (Comparison("eq", "year", 2**60 + 1), "cannot compare 'year' with 1152921504606846977 exactly"),
    ],
)
def test_what_qdrant_cannot_say_is_not_left_out(where: Filter, said: str) -> None:
    store = QdrantCollection("lab", Qdrant(collection="papers", embedding_model="m"), None, MODEL)  # type: ignore[arg-type]
    with pytest.raises(BadFilter, match=said):
        store.search("drift", filters=where)


def test_another_model_is_named(core: Core) -> None:
    with QdrantServer(core) as server, pytest.raises(RetrieverFailed) as error:
        search(server, "drift", model=Hashing(Space("model-b", 3)))
    assert "'papers' holds vectors of 4 dimensions, and those of model-b have 3" in str(error.value)
    assert "embedding_model" in error.value.hint


def test_a_collection_that_is_not_there_is_told(core: Core) -> None:
    with (
        QdrantServer(core) as server,
        pytest.raises(RetrieverFailed, match=r"404: .*Collection `paper` doesn't exist"),
    ):
        search(server, "drift", collection="paper")


def test_the_key_is_sent_and_a_wrong_one_is_told_and_not_said(core: Core, tmp_path: Path) -> None:
    core.keep(points(KEPT))
    file = tmp_path / "key"
    file.write_text("sesame-1")
    file.chmod(0o600)
    with QdrantServer(core, key="sesame-1") as server:
        assert search(server, "drift", api_key_file=file)
        file.write_text("sesame-2")
        with pytest.raises(RetrieverFailed, match="401") as error:
            search(server, "drift", api_key_file=file)
    assert "sesame" not in f"{error.value} {error.value.hint} {error.value!r}"


def test_a_server_that_is_not_there_is_told() -> None:
    store = Qdrant(url="http://127.0.0.1:1", collection="papers", embedding_model="m").joined("lab", MODEL)
    with pytest.raises(RetrieverFailed, match="was not reached"):
        store.search("drift")
    store.close()
