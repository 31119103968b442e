"""SQLite's FTS5 as it comes: Porter's stemmer, any of the words, its bm25()."""

from __future__ import annotations

import re
import sqlite3

from bench.grounding.contestants.job import Job, Rankings, contestant


def rank(job: Job) -> dict[str, Rankings]:
    kept = sqlite3.connect(":memory:")
    kept.execute("CREATE VIRTUAL TABLE documents USING fts5(text, tokenize = 'porter unicode61')")
    kept.executemany("INSERT INTO documents (rowid, text) VALUES (?, ?)", enumerate(job.texts))
    return {"words": [_ids(kept, job, question) for question in job.questions]}


def _ids(kept: sqlite3.Connection, job: Job, question: str) -> list[str]:
    words = dict.fromkeys(re.findall(r"\w+", question.lower()))
    wanted = " OR ".join(f'"{word}"' for word in words)
    found = kept.execute(
        "SELECT rowid FROM documents WHERE documents MATCH ? ORDER BY bm25(documents) LIMIT ?",
        (wanted, job.k),
    )
    return [job.ids[place] for (place,) in found]


if __name__ == "__main__":
    contestant(rank)
