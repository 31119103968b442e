"""How fast the fallback store is, beside a plain FTS5 query and a plain scan of all vectors, in one run.

Chunks of 120 words on the mean are drawn by Zipf's law from a vocabulary of English roots and endings,
and their vectors are of length 1 and stand in clusters. Questions have the words of one chunk, as a
figure's text has, and a vector beside that chunk's. Prints milliseconds of a query, the part of the ten
best that a filtered query finds, and what the store takes of time, disk and memory.
"""

from __future__ import annotations

import argparse
import gc
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

from kanoa_mlops.grounding.archive import Archive, Collection
from kanoa_mlops.grounding.filters import Comparison, Filter
from kanoa_mlops.grounding.local import LocalArchive
from kanoa_mlops.grounding.types import Chunk, Document, Passage, Ranking, Space

if TYPE_CHECKING:
    from kanoa_mlops.grounding.types import Vectors

ID = "vs_0"
_TENTHS = 10
"""One of the documents' attributes has so many values: a filter on one passes as many of a hundred."""
_K = 10
_LOT = 256
_SEED = 6
_WORDS_OF_A_QUESTION = 12
_MOST_COMMON = 50
"""Words that no figure's text has, as 'the'."""


@dataclass(frozen=True)
class Made:
    texts: list[str]
    vectors: Vectors
    questions: list[str]
    question_vectors: Vectors
    chunks_a_document: int = 10


def main() -> None:
    for made in asked_for(__doc__):
        with tempfile.TemporaryDirectory(prefix="kanoa-speed-") as folder:
            _ours(Path(folder) / "archive.db", made)
            _plain(Path(folder) / "fts5.db", made)


def asked_for(about: str | None) -> Iterator[Made]:
    """What the command line asks for, one after the other; each is announced."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--dimensions", type=int, default=384)
    parser.add_argument("--questions", type=int, default=200)
    options = parser.parse_args()
    for chunks in options.chunks:
        made = make(chunks, options.dimensions, options.questions)
        about_it = f"{chunks:,} chunks, {options.dimensions} dimensions, {options.questions} questions"
        print(f"\n{about_it}", flush=True)
        yield made


def make(chunks: int, dimensions: int, questions: int) -> Made:
    random = np.random.default_rng(_SEED)
    vocabulary = _vocabulary(max(20_000, chunks // 2), random)
    odds = 1 / (np.arange(len(vocabulary)) + 2.7)  # Mandelbrot's form of Zipf's law
    odds /= odds.sum()
    lengths = np.clip(random.lognormal(4.7, 0.5, chunks).astype(int), 10, 400)
    drawn = random.choice(len(vocabulary), int(lengths.sum()), p=odds)
    texts = [vocabulary[part] for part in np.split(drawn, np.cumsum(lengths)[:-1])]
    clusters = random.normal(size=(max(chunks // 50, 1), dimensions))
    vectors = _unit(
        clusters[random.integers(len(clusters), size=chunks)] + random.normal(size=(chunks, dimensions))
    )
    asked = random.integers(chunks, size=questions)
    told = [texts[one][[word not in vocabulary[:_MOST_COMMON] for word in texts[one]]] for one in asked]
    return Made(
        [" ".join(each) for each in texts],
        vectors,
        [" ".join(random.permutation(each)[:_WORDS_OF_A_QUESTION]) for each in told],
        _unit(vectors[asked] + random.normal(size=(questions, dimensions)) / dimensions**0.5),
    )


def _vocabulary(size: int, random: np.random.Generator) -> Any:
    syllables = [first + vowel for first in "bcdfghklmnprstvwz" for vowel in "aeiou"]
    endings = ("", "", "", "s", "ed", "ing", "tion", "ly")
    words = {
        "".join(random.choice(syllables, random.integers(1, 5))) + str(random.choice(endings))
        for _ in range(size * 2)
    }
    return np.array(sorted(words, key=len)[:size])


def _unit(vectors: Any) -> Vectors:
    unit: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


def _ours(path: Path, made: Made) -> None:
    archive = LocalArchive(path)
    archive.create(Collection(ID, "speed"))
    count = len(made.texts)
    seconds = timed(partial(put, archive, made))
    print(f"  words into the file         {count / seconds:10,.0f} chunks/s")
    seconds = timed(partial(embed, archive, made.vectors))
    print(f"  vectors into the file       {count / seconds:10,.0f} chunks/s")
    archive.close()
    _print_opened(path, made)
    archive = LocalArchive(path)
    ask(archive, made)
    archive.close()


def ask(archive: Archive, made: Made, busy: Callable[[], float] = time.process_time) -> None:
    """Prints how long it takes and how much of the best it finds, of a full archive that is open.

    Args:
        busy: seconds of processor that were taken until now by all that answers.
    """
    some: Filter = Comparison("eq", "tenth", 3)
    words, both, vectors = None, Ranking(), Ranking(text_weight=0, embedding_weight=1)

    def search(at: int, *, ranking: Ranking | None, filters: Filter | None = None) -> Sequence[Passage]:
        vector = made.question_vectors[at] if ranking else None
        return archive.search(ID, made.questions[at], vector, k=_K, filters=filters, ranking=ranking)

    each = range(len(made.questions))
    for name, ranking in (("words", words), ("vectors", vectors), ("both", both)):
        for suffix, filters in (("", None), (", of a tenth", some)):
            search(0, ranking=ranking, filters=filters)
            _print_times(name + suffix, partial(search, ranking=ranking, filters=filters), each, busy)
    passing = np.arange(len(made.texts)) // made.chunks_a_document % _TENTHS == 3
    print(
        f"  recall@{_K} of vectors        {_recall(made, [search(at, ranking=vectors) for at in each]):10.4f}"
    )
    found = [search(at, ranking=vectors, filters=some) for at in each]
    print(f"  recall@{_K}, filtered         {_recall(made, found, passing):10.4f}", flush=True)


def put(archive: Archive, made: Made) -> None:
    for document in _documents(made):
        archive.put(ID, document)


def embed(archive: Archive, vectors: Vectors) -> None:
    space = Space("made up", vectors.shape[1])
    for start in range(0, len(vectors), _LOT):
        lot = vectors[start : start + _LOT]
        archive.embed(ID, space, [str(number) for number in range(start, start + len(lot))], lot)


def _documents(made: Made) -> Iterator[Document]:
    size = made.chunks_a_document
    for number, start in enumerate(range(0, len(made.texts), size)):
        lot = enumerate(made.texts[start : start + size], start)
        chunks = tuple(Chunk(str(at), text) for at, text in lot)
        yield Document(f"{number}.txt", f"Document {number}", "", chunks, {"tenth": number % _TENTHS})


def _print_opened(path: Path, made: Made) -> None:
    gc.collect()
    before = psutil.Process().memory_info().rss
    archive = LocalArchive(path)
    first = timed(lambda: archive.search(ID, made.questions[0], made.question_vectors[0], k=_K))
    taken = psutil.Process().memory_info().rss - before
    archive.close()
    print(f"  first query after opening   {first * 1e3:10,.0f} ms")
    print(f"  on disk, in memory          {path.stat().st_size / 1e6:10,.0f} MB {taken / 1e6:10,.0f} MB")


def _recall(made: Made, found: Sequence[Sequence[Passage]], passing: Any = True) -> float:
    """Against the cosines themselves, computed in double precision."""
    hits = []
    for vector, passages in zip(made.question_vectors, found, strict=True):
        likeness = made.vectors.astype(np.float64) @ vector
        likeness = np.where(passing, likeness, -np.inf)
        best = {str(at) for at in np.argsort(-likeness)[:_K]}
        hits.append(len(best & {passage.chunk_id for passage in passages}) / _K)
    return statistics.mean(hits)


def _plain(path: Path, made: Made) -> None:
    """What a program of ten lines would do."""
    connection = sqlite3.connect(path)
    connection.execute("CREATE VIRTUAL TABLE texts USING fts5 (text, tokenize = 'porter unicode61')")
    connection.executemany("INSERT INTO texts VALUES (?)", [(text,) for text in made.texts])
    connection.commit()
    sql = f"SELECT rowid FROM texts WHERE texts MATCH ? ORDER BY rank LIMIT {_K}"
    questions = [" OR ".join(f'"{word}"' for word in question.split()) for question in made.questions]
    each = range(len(questions))
    _print_times(
        "plain FTS5, OR of all words", lambda at: connection.execute(sql, (questions[at],)).fetchall(), each
    )
    _print_times("plain numpy, all vectors", lambda at: _scan(made.vectors, made.question_vectors[at]), each)
    connection.close()


def _scan(vectors: Vectors, vector: Vectors) -> Any:
    return np.argpartition(-(vectors @ vector), _K)[:_K]


def _print_times(
    name: str,
    ask: Callable[[int], object],
    questions: Sequence[int],
    busy: Callable[[], float] = time.process_time,
) -> None:
    before = busy()
    times = sorted(timed(partial(ask, at)) * 1e3 for at in questions)
    taken = (busy() - before) / len(questions) * 1e3
    middle, most = times[len(times) // 2], times[int(len(times) * 0.95)]
    print(f"  {name:<28}{middle:10.2f} ms p50 {most:8.2f} ms p95 {taken:8.2f} ms of processor", flush=True)


def timed(act: Callable[[], object]) -> float:
    """Seconds."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
