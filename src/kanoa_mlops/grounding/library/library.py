"""Searches whatever a reader may see."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from kanoa_mlops.errors import KanoaError, MissingExtra
from kanoa_mlops.grounding.archive import Archive, Reader
from kanoa_mlops.grounding.filters import Filter
from kanoa_mlops.grounding.library.at_once import at_once
from kanoa_mlops.grounding.library.attachment import Cut
from kanoa_mlops.grounding.library.attachments import Attachments
from kanoa_mlops.grounding.library.bound import Bound
from kanoa_mlops.grounding.library.files import Files
from kanoa_mlops.grounding.library.found import Found
from kanoa_mlops.grounding.library.intake import Intake
from kanoa_mlops.grounding.library.ledger import Ledger
from kanoa_mlops.grounding.library.merging import merged
from kanoa_mlops.grounding.library.reading import Progress, Reading
from kanoa_mlops.grounding.library.shelves import Shelves
from kanoa_mlops.grounding.library.stores import Answer, Sought
from kanoa_mlops.grounding.library.vectors import EmbedderOf, QueryVectors, nobody
from kanoa_mlops.grounding.types import Document, Embedder, Passage, Ranking

Watcher = Callable[[Found, float], None]
"""Is told of each search, with the seconds it took."""
_SEARCH_SECONDS = 25.0


class Library:
    """Of one archive and the stores of providers. One of these serves all threads."""

    def __init__(
        self,
        archive: Archive,
        *,
        bound: Mapping[str, Bound] | None = None,
        embedder_of: EmbedderOf = nobody,
        ledger: Ledger | None = None,
        reading: Reading | None = None,
        spool: Path | None = None,
        seconds: float = _SEARCH_SECONDS,
    ) -> None:
        """
        Args:
            bound: stores of providers by the names they are asked under.
            embedder_of: who makes vectors of queries and documents.
            ledger: what is to become of attached files; without one it is forgotten with the process.
            reading: reads files that are attached.
            spool: folder for files while they come; without one, the system's.
            seconds: for each store to answer one search.
        """
        if spool:
            spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        ledger = ledger or Ledger()
        self.archive = archive
        self.embedder_of = embedder_of
        self.shelves = Shelves(archive, bound or {})
        """The collections, and who may see and change them."""
        self.files = Files(archive, ledger)
        self.intake = Intake(archive, ledger, reading or _Nothing(), embedder_of)
        """Wants to be started for files to be taken in, and closed before the archive is."""
        self.attachments = Attachments(archive, ledger, self.shelves, self.files, self.intake)
        self.spool = spool
        """Where files lie while they come; None for the system's place."""
        self.watcher: Watcher | None = None
        self._seconds = seconds

    def search(
        self,
        reader: Reader,
        names: Sequence[str],
        query: str | Sequence[str],
        *,
        k: int = 5,
        filters: Filter | None = None,
        ranking: Ranking | None = None,
    ) -> Found:
        """At most `k` passages out of all stores together. A store that fails is told of in the result.

        Args:
            names: ids or names of collections, or of stores that are bound.

        Raises:
            UnknownCollection: one of them is none, or none that this reader may see.
        """
        began = time.monotonic()
        stores = {name: self.shelves.find(reader, name) for name in names}
        queries = (query,) if isinstance(query, str) else tuple(query)
        sought, vectors = Sought(queries, k, filters, ranking or Ranking()), QueryVectors(self.embedder_of)
        outcomes = at_once(
            {name: partial(store.search, sought, name, vectors) for name, store in stores.items()},
            self._seconds,
        )
        answers = {name: each for name, each in outcomes.items() if isinstance(each, Answer)}
        found = Found(
            _together([each for answer in answers.values() for each in answer.lists], k),
            {name: each for name, each in outcomes.items() if isinstance(each, KanoaError)},
            all(store.shareable for store in stores.values()),
            tuple(stores),
            {name: answer.warning for name, answer in answers.items() if answer.warning},
        )
        if self.watcher:
            self.watcher(found, time.monotonic() - began)
        return found

    def start(self) -> None:
        """Attached files are taken in from now on, those first that were left from before."""
        self.intake.start()

    def close(self) -> None:
        """What is being taken in is left to the next start. The archive is closed by whoever opened it."""
        self.intake.close()


class _Nothing:
    """Where no reading is joined."""

    def read(self, name: str, content: bytes, *, source: str, cut: Cut | None) -> Document:
        raise MissingExtra("Nothing here reads files.", hint='pip install "kanoa-mlops[grounding]"')

    def embed(self, archive: Archive, collection_id: str, embedder: Embedder, progress: Progress) -> None:
        raise NotImplementedError


def _together(lists: Sequence[Sequence[Passage]], k: int) -> tuple[Passage, ...]:
    return tuple(lists[0][:k]) if len(lists) == 1 else merged(lists, k)
