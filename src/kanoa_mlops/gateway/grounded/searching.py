"""The search itself: in a thread, within its time, its failures in the client's words."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from kanoa_mlops.errors import KanoaError, RetrieverFailed
from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.grounded.wish import Search
from kanoa_mlops.gateway.library.desk import as_api_error
from kanoa_mlops.grounding.archive import Reader
from kanoa_mlops.grounding.filters import Filter
from kanoa_mlops.grounding.library.found import Found
from kanoa_mlops.grounding.library.merging import merged
from kanoa_mlops.grounding.types import Passage, Ranking

_THREADS = 16
_SECONDS = 30.0
"""Beyond the library's own 20 for each store: for one that keeps no time."""


class Searched(Protocol):
    """What is searched. Joined to the gateway at start; `Library` is one."""

    def search(
        self,
        reader: Reader,
        names: Sequence[str],
        query: str | Sequence[str],
        *,
        k: int = 5,
        filters: Filter | None = None,
        ranking: Ranking | None = None,
    ) -> Found: ...


@dataclass(frozen=True)
class Outcome:
    """Of all tools of a request."""

    passages: tuple[Passage, ...]
    failures: tuple[tuple[str, KanoaError, Search], ...]
    private: tuple[str, ...]
    """Stores with passages here that may not leave."""
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Searching:
    library: Searched
    seconds: float = _SECONDS
    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(_THREADS, thread_name_prefix="grounding")
    )

    async def search(self, searches: Sequence[Search], query: str, reader: Reader) -> Outcome:
        """Whoever waits may leave: what was begun ends by itself, and nobody hears of it."""
        every = await asyncio.gather(*(self._one(search, query, reader) for search in searches))
        found = [each for each in every if isinstance(each, Found)]
        failures: list[tuple[str, KanoaError, Search]] = []
        for search, each in zip(searches, every, strict=True):
            if isinstance(each, Found):
                failures += [(name, error, search) for name, error in each.failures.items()]
            else:
                failures.append((", ".join(search.names), each, search))
        lists = [each.passages for each in found]
        passages = lists[0] if len(lists) == 1 else merged(lists, sum(search.k for search in searches))
        private = [passage.store for each in found if not each.shareable for passage in each.passages]
        warnings = [f"{name}: {words}" for each in found for name, words in each.warnings.items()]
        return Outcome(
            tuple(passages), tuple(failures), tuple(dict.fromkeys(private)), tuple(dict.fromkeys(warnings))
        )

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _one(self, search: Search, query: str, reader: Reader) -> Found | KanoaError:
        asking = partial(
            self.library.search,
            reader,
            search.names,
            query,
            k=search.k,
            filters=search.filters,
            ranking=search.ranking,
        )
        try:
            async with asyncio.timeout(self.seconds):
                return await asyncio.get_running_loop().run_in_executor(self._threads, asking)
        except TimeoutError:
            return RetrieverFailed(f"{', '.join(search.names)} did not answer within {self.seconds:g} s.")
        except KanoaError as error:
            return error


def refusal(store: str, error: KanoaError, search: Search) -> ApiError:
    """The failure of a store, as that of the field that names it."""
    made = as_api_error(error)
    if isinstance(error, RetrieverFailed):
        hint = f" {error.hint}" if error.hint else ""
        made.message = f"The vector store {store} could not be searched: {error.message}{hint}"
    made.param = f"{search.param}.filters" if made.param == "filters" else f"{search.param}.vector_store_ids"
    return made
