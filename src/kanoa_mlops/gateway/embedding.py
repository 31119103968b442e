"""Vectors by an embedding model that is served here, for threads that search and take files in."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass

from kanoa_mlops.errors import KanoaError, RetrieverFailed
from kanoa_mlops.gateway import routes
from kanoa_mlops.gateway.backends import Backend, Backends
from kanoa_mlops.gateway.engine_errors import translate
from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.holding import Loader
from kanoa_mlops.gateway.http.client import Client
from kanoa_mlops.gateway.upstream import EngineAnswer, ask_engine
from kanoa_mlops.grounding.embedding import ServedEmbedder
from kanoa_mlops.grounding.embedding_server import TooLong, is_too_long
from kanoa_mlops.grounding.types import Embedder, Prompts, Space

ALIAS = "embedding"
"""By which the model of new collections is found."""
_LONGEST_BODY = 64 * 2**20  # bytes of an answer; 64 vectors of 4,096 numbers written out take some 6 MB


class EngineEmbedder(ServedEmbedder):
    """An `Embedder`; see `Engines.embedder_of`."""


@dataclass(frozen=True)
class Engines:
    """Near ones alone: what documents say never leaves the owner's machines for a vector."""

    loop: asyncio.AbstractEventLoop
    """On which engines are asked; not that of a thread that waits for a vector."""
    client: Client
    backends: Backends
    loader: Loader | None
    seconds: float = 120.0
    """For one request, the loading of its model included."""
    usual: str | None = None
    """The model of new collections; None is the one that answers to `ALIAS`."""

    def embedder_of(self, space: Space | None) -> Embedder | None:
        """Into a space, or without one into that of the model that is served as `embedding`.

        None where it is not served.
        """
        backend = self.backends.find(space.model if space else self.usual or ALIAS)
        if backend is None:
            return None
        model = space.model if space else backend.model
        return EngineEmbedder(
            _Engine(self, model),
            prompts=_prompts(backend),
            dimensions=space.dimensions if space else None,
        )


@dataclass(frozen=True)
class _Engine:
    """One model, by its name, wherever it answers when it is asked."""

    engines: Engines
    model: str

    def __str__(self) -> str:
        return self.model

    def ask(self, texts: Sequence[str]) -> bytes:
        coroutine = self._ask(list(texts))
        try:
            future = asyncio.run_coroutine_threadsafe(coroutine, self.engines.loop)
        except RuntimeError as error:
            coroutine.close()
            raise self.failure("is not asked any more: the gateway stops") from error
        try:
            return future.result(self.engines.seconds)
        except (TimeoutError, concurrent.futures.TimeoutError) as error:
            future.cancel()
            raise self.failure(f"did not answer within {self.engines.seconds:g} s") from error
        except (asyncio.CancelledError, concurrent.futures.CancelledError) as error:
            raise self.failure("is not asked any more: the gateway stops") from error

    def failure(self, what: str, *, hint: str = "") -> RetrieverFailed:
        return RetrieverFailed(f"The embedding model {self.model} {what}.", hint=hint)

    async def _ask(self, texts: Sequence[str]) -> bytes:
        backend = self._nearest()
        try:
            async with self._loaded(backend):
                ready = self.engines.backends.get(backend.id) or backend
                return await self._answer(ready, texts)
        except ApiError as error:
            raise self.failure(f"failed: {error.message.rstrip('.')}") from error
        except RetrieverFailed:
            raise
        except KanoaError as error:
            raise self.failure(f"was not loaded: {error.message.rstrip('.')}") from error

    def _nearest(self) -> Backend:
        backends = self.engines.backends
        found = backends.find(self.model)
        near = [each for each in backends.pool(found.model) if each.near] if found else []
        if found is None:
            raise self.failure("is not served")
        if not near:
            raise self.failure(
                "is served beyond the owner's machines alone, where documents are not sent",
                hint="Serve one here.",
            )
        best = min(near, key=lambda each: (not each.takes_requests, each.state != "ready"))
        if not best.takes_requests:
            because = f": {best.reason.rstrip('.')}" if best.reason else ""
            raise self.failure(f"is {best.state}{because}")
        return best

    def _loaded(self, backend: Backend) -> AbstractAsyncContextManager[None]:
        if backend.on_demand and self.engines.loader:
            return self.engines.loader.using(backend.id, _to_nobody)
        return nullcontext()

    async def _answer(self, backend: Backend, texts: Sequence[str]) -> bytes:
        asked = {"model": backend.engine_model, "input": texts, "encoding_format": "base64"}
        body, headers = json.dumps(asked).encode(), {"content-type": "application/json"}
        async with ask_engine(self.engines.client, backend, routes.EMBEDDINGS, body, headers) as answer:
            if answer.status == 200:
                return await self._read(answer)
            error = translate(answer.status, await answer.read_error(), backend)
            failure = self.failure(f"answered HTTP {answer.status}: {error.message.rstrip('.')}")
            if is_too_long(answer.status, error.code, error.message):
                raise TooLong(failure)
            raise failure

    async def _read(self, answer: EngineAnswer) -> bytes:
        pieces, size = [], 0
        while piece := await answer.chunk():
            pieces.append(piece)
            size += len(piece)
            if size > _LONGEST_BODY:
                raise self.failure("answered far too much")
        return b"".join(pieces)


def _prompts(backend: Backend) -> Prompts:
    vectors = backend.vectors
    return Prompts(vectors.query_prompt, vectors.document_prompt) if vectors else Prompts()


def _to_nobody(words: str) -> None:
    """Who waits for a vector hears nothing of a load; its time is bounded."""
