"""The vectors of one search: each text is embedded once in each space, whoever needs it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from kanoa_mlops.errors import RetrieverFailed
from kanoa_mlops.grounding.types import Embedder, Space

if TYPE_CHECKING:
    from kanoa_mlops.grounding.types import Vectors

EmbedderOf = Callable[[Space | None], Embedder | None]
"""Who embeds into a space, or without one into that of new collections; None where no model does.

May raise RetrieverFailed: there should be one, and it cannot be had now.
"""


def nobody(space: Space | None) -> Embedder | None:
    """Where no embedding model is served."""
    return None


class QueryVectors:
    """May be asked by several threads at once."""

    def __init__(self, embedder_of: EmbedderOf) -> None:
        self._embedder_of = embedder_of
        self._lock = threading.Lock()
        self._known: dict[tuple[Space, str], Vectors | RetrieverFailed] = {}

    def of(self, query: str, space: Space) -> Vectors:
        """
        Raises:
            RetrieverFailed: its model is not served, was not reached, or refused.
        """
        with self._lock:
            if (space, query) not in self._known:
                self._known[space, query] = self._ask(query, space)
            known = self._known[space, query]
        if isinstance(known, RetrieverFailed):
            raise known
        return known

    def _ask(self, query: str, space: Space) -> Vectors | RetrieverFailed:
        try:
            embedder = self._embedder_of(space)
            if embedder is None:
                return RetrieverFailed(f"The embedding model {space.model} is not served.")
            if embedder.space != space:
                return RetrieverFailed(
                    f"What is served as {space.model} gives {embedder.space.dimensions} dimensions, "
                    f"and its vectors here have {space.dimensions}."
                )
            return embedder.query(query)
        except RetrieverFailed as error:
            return error
