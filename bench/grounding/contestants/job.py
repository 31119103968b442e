"""What every contestant is given and gives back: texts and their vectors in files, rankings in a file."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Rankings = list[list[str]]
"""For each question the ids of documents, the best first."""


@dataclass(frozen=True)
class Job:
    """Read in environments that have numpy, and nothing of ours."""

    ids: Sequence[str]
    texts: Sequence[str]
    vectors: Any
    """One row a document."""
    questions: Sequence[str]
    question_vectors: Any
    k: int


def write_job(folder: Path, job: Job) -> None:
    given = {"ids": list(job.ids), "texts": list(job.texts), "questions": list(job.questions), "k": job.k}
    (folder / "job.json").write_text(json.dumps(given), encoding="utf-8")
    np.save(folder / "vectors.npy", job.vectors)
    np.save(folder / "question_vectors.npy", job.question_vectors)


def read_job(folder: Path) -> Job:
    given = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    return Job(
        **given,
        vectors=np.load(folder / "vectors.npy"),
        question_vectors=np.load(folder / "question_vectors.npy"),
    )


def digest(job: Job, *others: str) -> str:
    """Of all that a ranking depends on."""
    texts = json.dumps([list(job.ids), list(job.texts), list(job.questions), job.k, *others])
    parts = (texts.encode(), job.vectors.tobytes(), job.question_vectors.tobytes())
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]


def read_rankings(folder: Path) -> dict[str, Rankings]:
    found: dict[str, Rankings] = json.loads((folder / "rankings.json").read_text(encoding="utf-8"))
    return found


def contestant(rank: Callable[[Job], Mapping[str, Rankings]]) -> None:
    """The whole of a contestant's program: its argument is a job's folder. Ways: words, vectors, hybrid."""
    folder = Path(sys.argv[1])
    (folder / "rankings.json").write_text(json.dumps(rank(read_job(folder))), encoding="utf-8")
