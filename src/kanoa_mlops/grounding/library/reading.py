"""Who reads attached files. Joined to the library at start, as what reads is large and optional."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from kanoa_mlops.grounding.archive import Archive
from kanoa_mlops.grounding.library.attachment import Cut
from kanoa_mlops.grounding.types import Document, Embedder

Progress = Callable[[int, int], None]
"""Of how many chunks are embedded, and of how many. What it raises ends the embedding."""


class Reading(Protocol):
    def read(self, name: str, content: bytes, *, source: str, cut: Cut | None) -> Document:
        """
        Args:
            name: the file's.
            source: what the document is known by from now on.

        Raises:
            UnreadableDocument: its text cannot be had, and why.
            MissingExtra: a package is wanted for its kind.
        """
        ...

    def embed(self, archive: Archive, collection_id: str, embedder: Embedder, progress: Progress) -> None:
        """Whatever in the collection has no vector yet.

        Raises:
            RetrieverFailed: the model was not reached, or refused.
            OtherSpace: the collection's vectors are of another model.
        """
        ...
