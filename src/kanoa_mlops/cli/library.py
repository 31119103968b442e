"""The person's documents for who searches them: their collections, and the stores of `grounding.yaml`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager

from kanoa_mlops.cli.archive import open_archive
from kanoa_mlops.cli.books import looked_up
from kanoa_mlops.cli.embedder import served_embedder
from kanoa_mlops.errors import UnknownKey
from kanoa_mlops.gateway.books.key import Key
from kanoa_mlops.grounding.archive import EVERYBODY
from kanoa_mlops.grounding.connectors import GroundingFile, connect, read_grounding_file
from kanoa_mlops.grounding.library import Bound, Found, Library
from kanoa_mlops.settings import Settings, environment


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


def grounding_file(settings: Settings) -> GroundingFile:
    """
    Raises:
        SettingsError: it is wrong; names file, line and field.
        MissingExtra: a connector wants a package that is not installed.
    """
    return read_grounding_file(settings.grounding_file, environment(), settings.certificates)


def bound_stores(settings: Settings, file: GroundingFile) -> Mapping[str, Bound]:
    """Nothing is connected before the first search.

    Raises:
        UnknownKey: a store is for a key that there is not.
    """
    return {
        name: Bound(connect(name, entry), entry.shareable, key_ids(settings, entry.readers))
        for name, entry in file.stores.items()
    }


def key_ids(settings: Settings, names: Iterable[str]) -> frozenset[str]:
    """Of keys by name or id; `EVERYBODY` stays what it is.

    Raises:
        UnknownKey: there is none of that name, or it is revoked.
    """
    wanted = frozenset(names)
    if wanted <= {EVERYBODY}:
        return wanted
    none: Sequence[Key] = ()
    keys = looked_up(settings, lambda store: store.all_keys(), none)
    ids = {name: key.id for key in keys if key.revoked is None for name in (key.name, key.id)}
    if unknown := sorted(wanted - {EVERYBODY} - ids.keys()):
        raise UnknownKey(f"There is no key {unknown[0]!r}.", hint="`kanoa-mlops keys list` shows all.")
    return frozenset(ids.get(name, name) for name in wanted)
