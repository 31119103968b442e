"""Of many vectors few are compared, and those found are the nearest all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kanoa_mlops.grounding.filters import Comparison
from kanoa_mlops.grounding.local import LocalArchive
from kanoa_mlops.grounding.local.signs import signs
from kanoa_mlops.grounding.types import Chunk, Document, Ranking, Space
from tests.grounding.local.making import PAPERS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kanoa_mlops.grounding.types import Vectors

COUNT, DIMENSIONS, K = 12_000, 96, 10
EACH = 1000
MEANING = Ranking(text_weight=0, embedding_weight=1)


def unit(rows: NDArray[np.floating]) -> Vectors:
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    unit: Vectors = (rows / lengths).astype(np.float32)
    return unit


def texts_of_themes(random: np.random.Generator) -> Vectors:
    """All on one side, as some models have them, and around what they are about."""
    themes = random.normal(size=(COUNT // 50, DIMENSIONS))
    of_each = themes[random.integers(len(themes), size=COUNT)]
    return unit(of_each + random.normal(size=(COUNT, DIMENSIONS)) + 2)


def alike_in_nothing(random: np.random.Generator) -> Vectors:
    return unit(random.normal(size=(COUNT, DIMENSIONS)))


def uneven(random: np.random.Generator) -> Vectors:
    """A few dimensions say most."""
    return unit(random.normal(size=(COUNT, DIMENSIONS)) / np.arange(1, DIMENSIONS + 1))


def all_the_same(random: np.random.Generator) -> Vectors:
    return unit(np.ones((COUNT, DIMENSIONS)) + random.normal(size=(1, DIMENSIONS)))


def fill(archive: LocalArchive, vectors: Vectors) -> None:
    for number, start in enumerate(range(0, len(vectors), EACH)):
        ids = [str(at) for at in range(start, start + EACH)]
        chunks = tuple(Chunk(id, "word") for id in ids)
        archive.put(PAPERS, Document(f"{number}.txt", "", "0" * 64, chunks, {"half": number % 2}))
        archive.embed(PAPERS, Space("made up", DIMENSIONS), ids, vectors[start : start + EACH])


@pytest.mark.parametrize("made", [texts_of_themes, alike_in_nothing, uneven])
@pytest.mark.parametrize("half", [None, 1])
def test_the_nearest_are_found_filtered_or_not(
    archive: LocalArchive, made: Callable[[np.random.Generator], Vectors], half: int | None
) -> None:
    random = np.random.default_rng(6)
    vectors = made(random)
    fill(archive, vectors)
    passing = np.full(COUNT, True) if half is None else np.arange(COUNT) // EACH % 2 == half
    filters = None if half is None else Comparison("eq", "half", half)
    hits = 0
    for asked in unit(vectors[:: COUNT // 50] + random.normal(size=(50, DIMENSIONS)) / DIMENSIONS**0.5):
        passages = archive.search(PAPERS, "", asked, k=K, filters=filters, ranking=MEANING)
        nearest = np.argsort(-np.where(passing, vectors @ asked, -np.inf))[:K]
        hits += len({passage.chunk_id for passage in passages} & {str(at) for at in nearest})
    assert hits >= 0.99 * 50 * K


def test_what_comes_later_and_what_is_made_anew_is_found(archive: LocalArchive) -> None:
    random = np.random.default_rng(6)
    vectors = texts_of_themes(random)
    fill(archive, vectors)
    first = archive.search(PAPERS, "", vectors[7], k=1, ranking=MEANING)
    moved = unit(-vectors[7])
    archive.embed(PAPERS, Space("made up", DIMENSIONS), ["7"], moved[None])
    archive.put(PAPERS, Document("new.txt", "", "0" * 64, (Chunk("new", "word"),)))
    archive.embed(PAPERS, Space("made up", DIMENSIONS), ["new"], unit(vectors[8] + vectors[9])[None])
    now = archive.search(PAPERS, "", vectors[7], k=1, ranking=MEANING)
    anew = archive.search(PAPERS, "", moved, k=1, ranking=MEANING)
    new = archive.search(PAPERS, "", unit(vectors[8] + vectors[9]), k=1, ranking=MEANING)
    assert [each.chunk_id for each in (*first, *anew, *new)] == ["7", "7", "new"]
    assert now[0].chunk_id != "7"


def test_vectors_that_are_all_the_same_are_all_as_near(archive: LocalArchive) -> None:
    vectors = all_the_same(np.random.default_rng(6))
    fill(archive, vectors)
    assert len(archive.search(PAPERS, "word", vectors[0], k=K)) == K


@given(dimensions=st.integers(1, 200), seed=st.integers(0, 2**32 - 1))
def test_signs_are_counted_where_they_differ(dimensions: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(5, dimensions)).astype(np.float32)
    middle, asked = vectors.mean(axis=0), random.normal(size=dimensions).astype(np.float32)
    differ = ((vectors > middle) != (asked > middle)).sum(axis=1)
    assert signs(vectors, middle).differing(asked, 4).tolist() == differ[:4].tolist()
