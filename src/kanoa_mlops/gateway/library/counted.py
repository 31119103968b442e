"""What the library does and holds, for Prometheus."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from kanoa_mlops.grounding.library import Found, Library

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_FRESH_SECONDS = 15.0
_OUTCOMES = ("found", "nothing", "partial", "failed")


class LibraryCounts:
    """Of searches, and of what is held; at zero as long as no library is open."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._holdings = _HoldingsCollector()
        registry.register(self._holdings)
        self._searches = Counter(
            "kanoa_library_searches", "Searches by what they came to", ["outcome"], registry=registry
        )
        self._seconds = Histogram(
            "kanoa_library_search_seconds",
            "Of one search, its vectors included",
            buckets=_SECONDS,
            registry=registry,
        )
        for outcome in _OUTCOMES:
            self._searches.labels(outcome)

    def watch(self, library: Library, threads: ThreadPoolExecutor) -> None:
        """From now on. In `threads` it is looked at."""
        library.watcher = self.searched
        self._holdings.look_at(library, threads)

    def searched(self, found: Found, seconds: float) -> None:
        self._searches.labels(_outcome(found)).inc()
        self._seconds.observe(seconds)


@dataclass(frozen=True)
class _Holdings:
    collections: int = 0
    documents: int = 0
    chunks: int = 0
    embedded: int = 0
    waiting: int = 0


class _HoldingsCollector(Collector):
    """As they were a moment ago: an archive is not waited for while Prometheus is answered."""

    def __init__(self) -> None:
        self._watched: tuple[Library, ThreadPoolExecutor] | None = None
        self._known = _Holdings()
        self._looked = 0.0
        self._looking = threading.Lock()

    def look_at(self, library: Library, threads: ThreadPoolExecutor) -> None:
        self._watched = library, threads

    def collect(self) -> Iterator[GaugeMetricFamily]:
        if self._watched and self._is_old() and self._looking.acquire(blocking=False):
            library, threads = self._watched
            threads.submit(self._look, library)
        known = self._known
        yield _gauge("collections", "Collections of documents", known.collections)
        yield _gauge("documents", "Documents in them", known.documents)
        yield _gauge("chunks", "Pieces of documents", known.chunks)
        yield _gauge("chunks_embedded", "Pieces with a vector", known.embedded)
        yield _gauge("files_waiting", "Files that are being taken in, or wait for it", known.waiting)

    def _is_old(self) -> bool:
        return time.monotonic() - self._looked > _FRESH_SECONDS

    def _look(self, library: Library) -> None:
        try:
            archive = library.archive
            stats = [archive.stats(each.id) for each in archive.collections()]
            self._known = _Holdings(
                len(stats),
                sum(each.documents for each in stats),
                sum(each.chunks for each in stats),
                sum(each.embedded for each in stats),
                library.attachments.waiting,
            )
            self._looked = time.monotonic()
        finally:
            self._looking.release()


def _gauge(name: str, text: str, value: int) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"kanoa_library_{name}", text, value)


def _outcome(found: Found) -> str:
    if found.failures:
        return "failed" if len(found.failures) == len(found.stores) else "partial"
    return "found" if found.passages else "nothing"
