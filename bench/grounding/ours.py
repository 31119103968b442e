"""Our own fallback store, asked each of its ways: a document is one chunk, as with the others."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path

from bench.grounding.contestants.job import Job, Rankings
from kanoa_mlops import __version__
from kanoa_mlops.grounding.archive import Collection
from kanoa_mlops.grounding.local import LocalArchive
from kanoa_mlops.grounding.types import Chunk, Document, Ranking, Space

NAME = "kanoa-mlops"
_ID = f"vs_{0:024d}"
_MODEL = "bench"
_WAYS: Mapping[str, Ranking | None] = {
    "words": None,
    "vectors": Ranking(text_weight=0.0, embedding_weight=1.0),
    "hybrid": None,
}
"""None is what a person gets who sets nothing."""


def version() -> str:
    return f"kanoa-mlops {__version__}"


def rank(job: Job) -> Mapping[str, Rankings]:
    with tempfile.TemporaryDirectory(prefix="kanoa-archive-") as folder:
        archive = LocalArchive(Path(folder) / "archive.db")
        try:
            _fill(archive, job)
            return {way: _rankings(archive, job, way) for way in _WAYS}
        finally:
            archive.close()


def _fill(archive: LocalArchive, job: Job) -> None:
    archive.create(Collection(_ID, "bench"))
    for id, text in zip(job.ids, job.texts, strict=True):
        digest = hashlib.sha256(text.encode()).hexdigest()
        # Its id and name say nothing, so that nobody finds it by them.
        archive.put(_ID, Document(id, "", digest, (Chunk(id, text),)))
    space = Space(_MODEL, job.vectors.shape[1])
    archive.embed(_ID, space, job.ids, job.vectors)


def _rankings(archive: LocalArchive, job: Job, way: str) -> Rankings:
    rankings = []
    for question, vector in zip(job.questions, job.question_vectors, strict=True):
        given = None if way == "words" else vector
        found = archive.search(_ID, question, given, k=job.k, ranking=_WAYS[way])
        rankings.append([each.source for each in found])
    return rankings
