"""A question to a collection: words and vectors into one score, exactly as the local archive fuses them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from psycopg import sql

from kanoa_mlops.grounding.filters import Filter
from kanoa_mlops.grounding.local.asked import asked
from kanoa_mlops.grounding.local.rows import name_of
from kanoa_mlops.grounding.postgres.conditions import condition, in_column
from kanoa_mlops.grounding.postgres.server import Connection
from kanoa_mlops.grounding.shared import words
from kanoa_mlops.grounding.shared.middle import above, mean_likeness
from kanoa_mlops.grounding.shared.nearest import Allowed, nearest
from kanoa_mlops.grounding.shared.postings import Scores
from kanoa_mlops.grounding.shared.rows import attributes_of
from kanoa_mlops.grounding.shared.state import State
from kanoa_mlops.grounding.shared.vectors import written
from kanoa_mlops.grounding.types import Passage, Ranking

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kanoa_mlops.grounding.types import Vectors

_FIRST = 64
"""Of each half, looked at first."""
_MORE = 4
_MOST = 4096
_ALLOWED = "SELECT number, embedded FROM {documents} WHERE {condition}"
_PASSAGES = (
    "SELECT {chunks}.number, text, source, id, title, page, heading, file_id, attributes "
    "FROM {chunks} JOIN {documents} ON {documents}.number = document WHERE {chunks}.number = ANY(%s::int[])"
)
_PLACE = in_column(sql.Identifier("attributes"))


@dataclass(frozen=True)
class Question:
    text: str
    vector: Vectors | None
    k: int
    filters: Filter | None
    ranking: Ranking


def search(connection: Connection, state: State, question: Question) -> list[Passage]:
    """
    Raises:
        BadFilter: the filter compares with what Postgres cannot hold.
    """
    allowed = _allowed(connection, state, question.filters)
    if question.k < 1 or (allowed is not None and not len(allowed.documents)):
        return []
    said = words.scores(
        connection, state, asked(question.text), None if allowed is None else allowed.documents
    )
    if question.vector is None or not state.embedded or question.ranking.embedding_weight <= 0:
        chunks, _ = said.first(question.k)
        found = dict(zip(chunks.tolist(), said.of(chunks).tolist(), strict=True))
    else:
        found = _fused(connection, state, question, said, allowed)
    best = sorted(found.items(), key=lambda each: (-each[1], each[0]))[: question.k]
    return _passages(connection, state, _worthy(best, question.ranking))


def _allowed(connection: Connection, state: State, filters: Filter | None) -> Allowed | None:
    if filters is None:
        return None
    where = condition(filters, _PLACE)
    rows = connection.execute(state.tables.query(_ALLOWED, condition=where.sql), where.values).fetchall()
    documents = np.array([number for number, _ in rows], np.int64)
    return Allowed(documents, sum(embedded for _, embedded in rows))


def _fused(
    connection: Connection, state: State, question: Question, said: Scores, allowed: Allowed | None
) -> dict[int, float]:
    """Of the best of both halves; more of each are looked at until no other can be among the k best.

    Fagin, Lotem and Naor's threshold algorithm (PODS 2001).
    """
    assert question.vector is not None
    near = written(question.vector)
    mean = mean_likeness(state.middle, state.embedded, question.vector)
    text, meaning = _shares(question.ranking)
    some_without = state.embedded < state.chunks
    count = max(_FIRST, question.k)
    while True:
        by_words, next_words = said.first(count)
        by_meaning = nearest(connection, state, near, count, allowed, by_words)
        known = {chunk: above(cosine, mean) for chunk, cosine in by_meaning.cosines.items()}
        chunks = np.union1d(by_words, np.fromiter(known, np.int64))
        found = _total(chunks, said.of(chunks), known, text, meaning)
        bound = text * next_words + meaning * (
            above(by_meaning.farthest, mean) if by_meaning.are_more else 0.0
        )
        if some_without:
            bound = max(bound, next_words)
        best = sorted(found.values(), reverse=True)
        if bound <= 0 or count >= _MOST or (len(best) >= question.k and best[question.k - 1] >= bound):
            return found
        count *= _MORE


def _total(
    chunks: NDArray[np.int64],
    said: NDArray[np.float64],
    known: Mapping[int, float],
    text: float,
    meaning: float,
) -> dict[int, float]:
    """Of a chunk without a vector, by words alone."""
    return {
        chunk: text * score + meaning * known[chunk] if chunk in known else score
        for chunk, score in zip(chunks.tolist(), said.tolist(), strict=True)
    }


def _shares(ranking: Ranking) -> tuple[float, float]:
    total = ranking.text_weight + ranking.embedding_weight
    return ranking.text_weight / total, ranking.embedding_weight / total


def _worthy(best: list[tuple[int, float]], ranking: Ranking) -> dict[int, float]:
    return {chunk: min(score, 1.0) for chunk, score in best if score > 0 and score >= ranking.score_threshold}


def _passages(connection: Connection, state: State, scores: Mapping[int, float]) -> list[Passage]:
    if not scores:
        return []
    rows = connection.execute(state.tables.query(_PASSAGES), (list(scores),)).fetchall()
    # What was removed meanwhile is not found any more.
    found = {
        number: Passage(
            text,
            name_of(source),
            scores[number],
            id,
            title,
            page,
            heading,
            file_id,
            attributes=attributes_of(attributes),
        )
        for number, text, source, id, title, page, heading, file_id, attributes in rows
    }
    return [found[chunk] for chunk in scores if chunk in found]
