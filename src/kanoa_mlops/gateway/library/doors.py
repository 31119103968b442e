"""The routes of files and vector stores, by whether there is a library."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from kanoa_mlops.gateway.answering import Handler
from kanoa_mlops.gateway.library.batches import BatchesDoor
from kanoa_mlops.gateway.library.counted import LibraryCounts
from kanoa_mlops.gateway.library.desk import Desk
from kanoa_mlops.gateway.library.files import FilesDoor
from kanoa_mlops.gateway.library.store_files import StoreFilesDoor
from kanoa_mlops.gateway.library.stores import StoresDoor
from kanoa_mlops.gateway.limits import Limits
from kanoa_mlops.gateway.reception import Reception
from kanoa_mlops.grounding.library import Library

_MOST_THREADS = 16


def doors(
    library: Library, reception: Reception | None, limits: Limits, counts: LibraryCounts
) -> Mapping[tuple[str, str], Handler]:
    """Handlers by method and route; what is done and held is counted."""
    threads = ThreadPoolExecutor(_MOST_THREADS, thread_name_prefix="library")
    desk = Desk(library, reception, limits, threads)
    counts.watch(library, threads)
    return {
        **FilesDoor(desk).handlers(),
        **StoresDoor(desk).handlers(),
        **StoreFilesDoor(desk).handlers(),
        **BatchesDoor(desk).handlers(),
    }
