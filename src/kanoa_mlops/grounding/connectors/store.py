"""A store elsewhere, as the rest sees it: connected on first use, bounded in time, failing in one way."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from kanoa_mlops.errors import BadFilter, KanoaError, RetrieverFailed
from kanoa_mlops.grounding.connectors.entry import Entry
from kanoa_mlops.grounding.connectors.patience import ANSWER_SECONDS, CONNECT_SECONDS
from kanoa_mlops.grounding.filters import Filter
from kanoa_mlops.grounding.library.at_once import at_once
from kanoa_mlops.grounding.types import Passage, Retriever

_MOST = 16
"""Searches of one store at once, those that hang included."""


def connect(name: str, entry: Entry) -> Store:
    """What can be searched. Nothing is asked before the first search."""
    return Store(name, entry)


@dataclass
class Store:
    """A `Retriever` around a connector's. One of these serves all threads."""

    name: str
    entry: Entry
    seconds: float = CONNECT_SECONDS + ANSWER_SECONDS
    """A search takes no longer, whatever the provider does."""
    _inner: Retriever | None = field(default=None, repr=False)
    _connecting: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _free: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(_MOST), repr=False)

    def search(self, query: str, *, k: int = 5, filters: Filter | None = None) -> Sequence[Passage]:
        """
        Raises:
            BadFilter: the provider has no way to say this filter.
            RetrieverFailed: it was not reached, refused, took too long, or its entry cannot be used as it is.
        """

        def work() -> Sequence[Passage]:
            try:
                return list(self._connected().search(query, k=k, filters=filters))
            finally:
                self._free.release()

        if not self._free.acquire(timeout=self.seconds):
            raise RetrieverFailed(f"{self.name}: {_MOST} searches of it are under way, and none ends.")
        outcome = at_once({self.name: work}, self.seconds)[self.name]
        if isinstance(outcome, BadFilter | RetrieverFailed):
            raise outcome
        if isinstance(outcome, KanoaError):
            raise RetrieverFailed(f"{self.name}: {outcome.message}", hint=outcome.hint) from outcome
        return [replace(each, store=self.name) for each in outcome[:k]]

    def close(self) -> None:
        """What it keeps open is let go; the next search connects anew."""
        with self._connecting:
            inner, self._inner = self._inner, None
        if inner is not None and (let_go := getattr(inner, "close", None)) is not None:
            let_go()

    def _connected(self) -> Retriever:
        with self._connecting:
            if self._inner is None:
                self._inner = self.entry.connect(self.name)
            return self._inner
