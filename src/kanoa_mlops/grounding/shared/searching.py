"""A question to a collection: words and vectors into one score, exactly as the local archive fuses them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from psycopg import sql

from kanoa_mlops.grounding.filters import Filter
from kanoa_mlops.grounding.local.question import Question
from kanoa_mlops.grounding.local.rows import name_of
from kanoa_mlops.grounding.postgres.conditions import condition, in_column
from kanoa_mlops.grounding.shared import words
from kanoa_mlops.grounding.shared.middle import above, mean_likeness
from kanoa_mlops.grounding.shared.nearest import Allowed, likeness, nearest
from kanoa_mlops.grounding.shared.postings import Scores
from kanoa_mlops.grounding.shared.rows import attributes_of
from kanoa_mlops.grounding.shared.state import State
from kanoa_mlops.grounding.shared.vectors import written
from kanoa_mlops.grounding.types import Passage, Ranking
from kanoa_mlops.postgres import Connection

if TYPE_CHECKING:
    from numpy.typing import NDArray


_FIRST = 64
"""Of each half, looked at first. More are, where what no word is said of may be among the best."""
_MORE = 4
_MOST = 4096
_ALLOWED = "SELECT number, embedded FROM {documents} WHERE {condition}"
_PASSAGES = (
    "SELECT {chunks}.number, text, source, id, title, page, heading, file_id, attributes "
    "FROM {chunks} JOIN {documents} ON {documents}.number = document WHERE {chunks}.number = ANY(%s::int[])"
)
_PLACE = in_column(sql.Identifier("attributes"))


def search(connection: Connection, state: State, question: Question) -> list[Passage]:
    """
    Raises:
        BadFilter: the filter compares with what Postgres cannot hold.
    """
    allowed = _allowed(connection, state, question.filters)
    if question.k < 1 or (allowed is not None and not len(allowed.documents)):
        return []
    said = words.scores(connection, state, question.terms, None if allowed is None else allowed.documents)
    text, meaning = question.shares(said.best)
    if question.vector is None or not state.embedded or not meaning:
        chunks = said.first(question.k)
        found = dict(zip(chunks.tolist(), said.of(chunks).tolist(), strict=True))
    else:
        found = _fused(connection, state, question, said, allowed, (text, meaning))
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
    connection: Connection,
    state: State,
    question: Question,
    said: Scores,
    allowed: Allowed | None,
    shares: tuple[float, float],
) -> dict[int, float]:
    """Of all that can be among the k best: each one's words are known, and how near the unseen are at most.

    Fagin, Lotem and Naor's threshold algorithm (PODS 2001).
    """
    assert question.vector is not None
    near = written(question.vector)
    mean = mean_likeness(state.middle, state.embedded, question.vector)
    text, meaning = shares
    count = max(_FIRST, question.k)
    while True:
        by_words = said.first(count)
        by_meaning = nearest(connection, state, near, count, allowed, by_words)
        cosines = by_meaning.cosines
        beyond = meaning * float(above(by_meaning.farthest, mean)) if by_meaning.are_more else 0.0
        chunks = np.union1d(by_words, np.fromiter(cosines, np.int64))
        found = _total(said, chunks, cosines, mean, shares)
        least = _least(found, question.k)
        if beyond <= least or count >= _MOST:
            break
        count *= _MORE
    enough = (least - beyond) / text if text else 1.0
    # One without a vector counts by its words alone.
    missed = np.setdiff1d(said.over(min(enough, least) if state.embedded < state.chunks else enough), chunks)
    if len(missed):
        cosines = likeness(connection, state, near, missed)
        found |= _total(said, missed, cosines, mean, shares)
    return found


def _least(found: Mapping[int, float], k: int) -> float:
    """Of the k best; 0 where there are fewer."""
    return sorted(found.values(), reverse=True)[k - 1] if len(found) >= k else 0.0


def _total(
    said: Scores,
    chunks: NDArray[np.int64],
    cosines: Mapping[int, float],
    mean: float,
    shares: tuple[float, float],
) -> dict[int, float]:
    """Of a chunk without a vector, by words alone."""
    text, meaning = shares
    scores, numbers = said.of(chunks), chunks.tolist()
    known = np.array([cosines.get(chunk, np.nan) for chunk in numbers])
    both = text * scores + meaning * above(known, mean)
    return dict(zip(numbers, np.where(np.isnan(known), scores, both).tolist(), strict=True))


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
