"""A search from the terminal: of collections, and of the stores of `grounding.yaml`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager

from kanoa_mlops.cli.archive import no_collection, open_archive
from kanoa_mlops.cli.embedder import served_embedder
from kanoa_mlops.cli.library import bound_stores, grounding_file
from kanoa_mlops.errors import UnknownCollection
from kanoa_mlops.grounding.archive import OWNER
from kanoa_mlops.grounding.library import Found, Library
from kanoa_mlops.settings import Settings


@contextmanager
def opened_library(settings: Settings, port: int | None) -> Iterator[Library]:
    """
    Args:
        port: of the server whose embedding model is asked.

    Raises:
        KanoaError: as of the archive, and of `grounding.yaml`.
    """
    file = grounding_file(settings)
    with closing(open_archive(settings)) as archive:
        yield Library(
            archive,
            bound=bound_stores(settings, file),
            embedder_of=lambda space: served_embedder(settings, port, space),
        )


def require_each(library: Library, names: Sequence[str]) -> None:
    """
    Raises:
        UnknownCollection: one of them is none; names those there are, and what may have been meant.
    """
    for name in names:
        try:
            library.shelves.find(OWNER, name)
        except UnknownCollection as error:
            kept = [each.name for each in library.shelves.collections(OWNER)]
            raise no_collection(name, [*kept, *library.shelves.bound(OWNER)]) from error


def paths_of(library: Library, found: Found) -> Mapping[tuple[str, str], str]:
    """Of the files that passages are from, by the store's name and the source; uploads have none."""
    # The owner's last: of one name, theirs is the one that was searched.
    collections = sorted(library.archive.collections(), key=lambda each: not each.owner)
    ids = {name: each.id for each in collections for name in (each.name, each.id)}
    return {
        (name, held.source): held.path
        for name in {each.store for each in found.passages} & ids.keys()
        for held in library.archive.held(ids[name])
        if held.path
    }
