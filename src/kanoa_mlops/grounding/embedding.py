"""Vectors from any server that answers `/v1/embeddings` as OpenAI's does: our own gateway, or another."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

from kanoa_mlops.errors import RetrieverFailed
from kanoa_mlops.grounding.embedding_answer import read_vectors
from kanoa_mlops.grounding.embedding_server import EmbeddingServer, TooLong
from kanoa_mlops.grounding.numbers import numpy
from kanoa_mlops.grounding.types import Prompts, Space

if TYPE_CHECKING:
    from kanoa_mlops.grounding.types import Vectors

# Measured with llama.cpp b11549 and MiniLM on two busy cores, 2026-11-28: texts a second are the same from
# 1 to 64 a request and from one request at once to four. But a question asked meanwhile waits for what is
# before it: 31 s behind two requests of 16,000 characters, 7 s behind two of 4,000. Two, so that the engine
# never waits.
_BATCH_CHARACTERS = 4_000
_BATCH_TEXTS = 16
_AT_ONCE = 2
_SHORTEST = 16
"""Characters; what is refused as too long below this is refused for another reason."""


class Served(Protocol):
    """Where an embedding model answers. Asked by several threads."""

    @property
    def model(self) -> str: ...

    def ask(self, texts: Sequence[str]) -> bytes:
        """The body of an answer of `/v1/embeddings`.

        Raises:
            RetrieverFailed: it was not reached, or refused.
            TooLong: one of the texts is.
        """
        ...

    def failure(self, what: str, *, hint: str = "") -> RetrieverFailed:
        """Of the model, in words: 'gave ...'."""
        ...


class ServedEmbedder:
    """An `Embedder`. One serves all threads."""

    def __init__(
        self, server: Served, *, prompts: Prompts | None = None, dimensions: int | None = None
    ) -> None:
        """
        Args:
            dimensions: what the model gives; None asks it once.

        Raises:
            MissingExtra: without the extra 'grounding'.
        """
        self._numpy = numpy()
        self._server = server
        self._prompts = prompts or Prompts()
        self._dimensions = dimensions
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._server})"

    @property
    def space(self) -> Space:
        """Of a model whose dimensions nobody said, the server is asked once.

        Raises:
            RetrieverFailed: the model was not reached, or refused.
        """
        if self._dimensions is None:
            self._embed(["dimensions"])
        assert self._dimensions is not None
        return Space(self._server.model, self._dimensions)

    def documents(self, texts: Sequence[str]) -> Vectors:
        """One row a text, in their order; several requests at once.

        Raises:
            RetrieverFailed: the model was not reached, or refused.
        """
        if not texts:
            none: Vectors = self._numpy.zeros((0, self.space.dimensions), dtype=self._numpy.float32)
            return none
        batches = list(_batches([self._prompts.document + text for text in texts]))
        if len(batches) == 1:
            return self._embed(batches[0])
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            rows: Vectors = self._numpy.concatenate(list(pool.map(self._embed, batches)))
        return rows

    def query(self, text: str) -> Vectors:
        """One vector.

        Raises:
            RetrieverFailed: the model was not reached, or refused.
        """
        vector: Vectors = self._embed([self._prompts.query + text])[0]
        return vector

    def _embed(self, texts: Sequence[str]) -> Vectors:
        try:
            vectors = read_vectors(self._server.ask(texts), len(texts), self._server.model)
        except TooLong as error:
            return self._in_pieces(texts, error)
        self._check(vectors.shape[1])
        return vectors

    def _in_pieces(self, texts: Sequence[str], error: TooLong) -> Vectors:
        """Each by itself, and one that is too long as the mean of its halves, by their length."""
        np = self._numpy
        if len(texts) > 1:
            rows: Vectors = np.concatenate([self._embed([text]) for text in texts])
            return rows
        text = texts[0]
        if len(text) < _SHORTEST:
            raise error.failure
        halves = _halves(text)
        weights = np.array([[len(half)] for half in halves], dtype=np.float32)
        mean = (self._embed(halves) * weights).sum(axis=0, keepdims=True)
        unit: Vectors = (mean / max(float(np.linalg.norm(mean)), 1e-12)).astype(np.float32)
        return unit

    def _check(self, dimensions: int) -> None:
        with self._lock:
            if self._dimensions is None:
                self._dimensions = dimensions
        if dimensions != self._dimensions:
            raise self._server.failure(
                f"gave vectors of {dimensions} dimensions where {self._dimensions} were expected",
                hint="Another model may answer under that name now; vectors of two models are not mixed.",
            )


class HttpEmbedder(ServedEmbedder):
    """Of a server by its address; `close` lets its connections go."""

    def __init__(
        self,
        url: str,
        model: str,
        *,
        key: str = "",
        prompts: Prompts | None = None,
        dimensions: int | None = None,
        seconds: float = 300.0,
    ) -> None:
        """
        Args:
            url: with its version: 'http://127.0.0.1:8080/v1'.
            dimensions: asked of the server, for models that can be cut; None takes what the model gives.
            seconds: of one request, before it counts as not reached.

        Raises:
            MissingExtra: without the extra 'grounding'.
        """
        self._connection = EmbeddingServer(url, model, key, dimensions, seconds)
        super().__init__(self._connection, prompts=prompts, dimensions=dimensions)

    def close(self) -> None:
        self._connection.close()


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    """In their order, so that no request is huge; a single text may be."""
    batch: list[str] = []
    size = 0
    for text in texts:
        if batch and (len(batch) == _BATCH_TEXTS or size + len(text) > _BATCH_CHARACTERS):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += len(text)
    if batch:
        yield batch


def _halves(text: str) -> list[str]:
    """Between two words where there are some."""
    middle = len(text) // 2
    cut = text.rfind(" ", middle // 2, middle) + 1 or middle
    return [text[:cut], text[cut:]]
