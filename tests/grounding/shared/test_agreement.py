"""Both archives hold the same, and answer the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kanoa_mlops.grounding.filters import Filter
from kanoa_mlops.grounding.local import LocalArchive
from kanoa_mlops.grounding.shared import SharedArchive
from kanoa_mlops.grounding.types import Document, Passage, Ranking
from tests.grounding.filtering import VALUES, attributes, filters
from tests.grounding.shared.making import collection, document, embed_all, put_all, vector

_WORDS = [
    "drift",
    "sensor",
    "calibration",
    "the",
    "of",
    "3.5",
    "µm",
    "T_max",
    "batteries",
    "battery",
    "Überlauf",
    "温度計",
]
_TEXTS = st.lists(st.sampled_from(_WORDS), min_size=1, max_size=12).map(" ".join)
_KEYS = ("year", "author", "is_draft", "a key with ' and \" and %s", "{0}", "\u043a\u043b\u044e\u0447")
_VALUES = VALUES | st.sampled_from([1e300, 5e-324, -1.5e-7])
_DOCUMENTS = st.lists(
    st.builds(
        lambda source, texts, held, title: document(source, *texts, attributes=held, title=title),
        st.sampled_from(["a.md", "b/ü.pdf", "c.txt", "d.ipynb"]),
        st.lists(_TEXTS, max_size=5),
        attributes(_VALUES, _KEYS),
        st.sampled_from(["", "Sensor limits"]),
    ),
    max_size=8,
)


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalArchive]:
    archive = LocalArchive(tmp_path / "collections.db")
    yield archive
    archive.close()


def seen(passages: list[Passage]) -> list[tuple[object, ...]]:
    """Half precision keeps a likeness to three digits."""
    return [
        (
            p.text,
            p.source,
            p.title,
            p.page,
            p.heading,
            p.chunk_id,
            dict(p.attributes),
            pytest.approx(p.score, abs=2e-3),
        )
        for p in sorted(passages, key=lambda p: (p.source, p.chunk_id))
    ]


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(
    documents=_DOCUMENTS,
    dropped=st.sets(st.sampled_from(["a.md", "b/ü.pdf", "never"])),
    later=_DOCUMENTS,
    query=_TEXTS,
    where=st.none() | filters(_VALUES, _KEYS),
    is_embedded=st.sampled_from(["no", "before", "all"]),
    text_weight=st.sampled_from([None, 0.0, 0.3, 0.7, 1.0]),
)
def test_they_find_the_same(
    archive: SharedArchive,
    local: LocalArchive,
    documents: list[Document],
    dropped: set[str],
    later: list[Document],
    query: str,
    where: Filter | None,
    is_embedded: str,
    text_weight: float | None,
) -> None:
    found, known = [], []
    for each in (archive, local):
        made = collection()
        each.create(made)
        put_all(each, made.id, documents)
        if is_embedded != "no":
            embed_all(each, made.id)
        assert each.drop(made.id, sorted(dropped)) == len({d.source for d in documents} & dropped)
        put_all(each, made.id, later)
        if is_embedded == "all":
            embed_all(each, made.id)
        near = None if is_embedded == "no" else vector(query)
        ranking = Ranking() if text_weight is None else Ranking(text_weight, 1 - text_weight)
        found.append(each.search(made.id, query, near, k=50, filters=where, ranking=ranking))
        held = [
            (h.source, h.title, h.digest, h.chunks, h.embedded, dict(h.attributes))
            for h in each.held(made.id)
        ]
        chunks = [each.chunks(made.id, source) for source, *_ in held]
        known.append((held, chunks, each.stats(made.id)))
        each.remove(made.id)
    assert known[0] == known[1]
    assert seen(list(found[0])) == seen(list(found[1]))
    scores = [passage.score for passage in found[0]]
    assert scores == sorted(scores, key=lambda score: -(score or 0))
