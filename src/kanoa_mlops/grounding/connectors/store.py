"""A store elsewhere, as the rest sees it: connected on first use, bounded in time, failing in one way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue

from kanoa_mlops.errors import BadFilter, KanoaError, RetrieverFailed
from kanoa_mlops.grounding.connectors.entry import Entry
from kanoa_mlops.grounding.filters import Filter
from kanoa_mlops.grounding.types import Passage, Retriever

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 15.0
_MOST = 16
"""Searches of one store at once, those that hang included."""


def connect(name: str, entry: Entry) -> Store:
    """What can be searched, and by whom. Nothing is asked before the first search."""
    return Store(name, entry)


@dataclass
class Store:
    """A `Retriever` around a connector's. One of these serves all threads."""

    name: str
    entry: Entry
    seconds: float = CONNECT_SECONDS + ANSWER_SECONDS
    """A search takes no longer, whatever the provider does."""
    _inner: Retriever | None = field(default=None, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _free: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(_MOST), repr=False)

    @property
    def shareable(self) -> bool:
        return self.entry.shareable

    @property
    def readers(self) -> tuple[str, ...]:
        """Names of keys, or '*'."""
        return self.entry.readers

    def search(self, query: str, *, k: int = 5, filters: Filter | None = None) -> Sequence[Passage]:
        """
        Raises:
            BadFilter: the provider has no way to say this filter.
            RetrieverFailed: it was not reached, refused, took too long, or its entry cannot be used as it is.
        """
        try:
            found = self._in_time(lambda: self._connected().search(query, k=k, filters=filters))
        except (BadFilter, RetrieverFailed):
            raise
        except KanoaError as error:
            raise RetrieverFailed(f"{self.name}: {error.message}", hint=error.hint) from error
        except Exception as error:  # of a connector that is anybody's
            raise RetrieverFailed(f"{self.name}: its connector broke: {_told(error)}") from error
        return [replace(each, store=self.name) for each in found[:k]]

    def _connected(self) -> Retriever:
        if self._inner is None:
            with self._lock:
                self._inner = self._inner or self.entry.connect(self.name)
        return self._inner

    def _in_time(self, work: Callable[[], Sequence[Passage]]) -> Sequence[Passage]:
        """In a thread that does not keep the process from ending, should it hang."""
        if not self._free.acquire(timeout=self.seconds):
            raise RetrieverFailed(f"{self.name}: {_MOST} searches of it are under way and none ends.")
        done: SimpleQueue[Sequence[Passage] | Exception] = SimpleQueue()

        def run() -> None:
            try:
                done.put(work())
            except Exception as error:
                done.put(error)
            finally:
                self._free.release()

        threading.Thread(target=run, name=f"search {self.name}", daemon=True).start()
        return _taken(done, self.name, self.seconds)


def _taken(done: SimpleQueue[Sequence[Passage] | Exception], name: str, seconds: float) -> Sequence[Passage]:
    try:
        outcome = done.get(timeout=seconds)
    except Empty:
        raise RetrieverFailed(
            f"{name}: it gave no answer within {seconds:.0f} s.", hint="Is it up, and reached from here?"
        ) from None
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ") + "."
