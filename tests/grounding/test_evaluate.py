"""A collection is asked by words, by vectors and by both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from kanoa_mlops.grounding.archive import Archive, Collection
from kanoa_mlops.grounding.evaluate import Evaluation, evaluate
from kanoa_mlops.grounding.local import LocalArchive
from kanoa_mlops.grounding.measures import Quality
from kanoa_mlops.grounding.questions import Question
from kanoa_mlops.grounding.types import Chunk, Document, Ranking, Space

if TYPE_CHECKING:
    from kanoa_mlops.grounding.types import Vectors

COLLECTION = Collection("vs_000000000000000000000001", "papers")
TEXTS = {
    "cats.md": ("The cat sleeps all day.", "Whiskers feel the wind."),
    "cars.md": ("An engine turns petrol into motion.", "Wheels carry the weight."),
}
MEANINGS = {"cat": 0, "whiskers": 0, "feline": 0, "engine": 1, "wheels": 1, "automobile": 1}


class Meanings:
    """Knows what a few words are about, and that some different words are about the same."""

    space = Space("meanings", 2)

    def documents(self, texts: Sequence[str]) -> Vectors:
        return np.array([self.query(text) for text in texts])

    def query(self, text: str) -> Vectors:
        vector = np.full(2, 0.1, dtype=np.float32)
        for word, meaning in MEANINGS.items():
            vector[meaning] += word in text.lower()
        return (vector / np.linalg.norm(vector)).astype(np.float32)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    archive = LocalArchive(tmp_path / "archive.db")
    archive.create(COLLECTION)
    for source, texts in TEXTS.items():
        chunks = tuple(Chunk(f"{source}-{page}", text, page=page) for page, text in enumerate(texts, 1))
        archive.put(COLLECTION.id, Document(source, source, "0" * 64, chunks))
        vectors = Meanings().documents(texts)
        archive.embed(COLLECTION.id, Meanings.space, [each.id for each in chunks], vectors)
    yield archive
    archive.close()


def by_way(evaluations: Sequence[Evaluation]) -> dict[str, Evaluation]:
    return {each.way: each for each in evaluations}


def test_words_find_what_is_said_and_vectors_what_is_meant(archive: Archive) -> None:
    said = Question("sleeps all day", (("cats.md", None),))
    meant = Question("automobile", (("cars.md", None),))
    found = by_way(evaluate(archive, COLLECTION.id, [said, meant], Meanings(), k=2))
    assert found["words"].missed == (meant,)
    assert found["words"].quality == Quality(2, 0.5, 0.5, 0.5)
    assert meant not in found["vectors"].missed
    assert found["hybrid"].missed == ()


def test_a_page_is_asked_for_where_the_question_names_one(archive: Archive) -> None:
    first = Question("the cat sleeps", (("cats.md", 1),))
    second = Question("the cat sleeps", (("cats.md", 2),))
    (right,) = evaluate(archive, COLLECTION.id, [first], k=1)
    (wrong,) = evaluate(archive, COLLECTION.id, [second], k=1)
    assert (right.missed, wrong.missed) == ((), (second,))


def test_without_an_embedding_model_words_alone_are_tried(archive: Archive) -> None:
    assert [each.way for each in evaluate(archive, COLLECTION.id, [])] == ["words"]


def test_the_weights_of_both_can_be_set(archive: Archive) -> None:
    asked = [Question("automobile petrol cat whiskers", (("cats.md", 2),))]
    found = by_way(evaluate(archive, COLLECTION.id, asked, Meanings(), k=4, hybrid=Ranking(0.0, 1.0)))
    assert found["hybrid"].quality == found["vectors"].quality
