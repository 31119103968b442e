"""The collections there are, who may see them, and who may change them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from kanoa_mlops.errors import CollectionExpired, KeptElsewhere, NameTaken, UnknownCollection
from kanoa_mlops.grounding.archive import Archive, Collection, Reader
from kanoa_mlops.grounding.filters import Attributes
from kanoa_mlops.grounding.library.bound import Bound, bound_id
from kanoa_mlops.grounding.library.ids import new_id
from kanoa_mlops.grounding.library.stores import Answer, Kept, Provided, Sought, Store
from kanoa_mlops.grounding.library.vectors import QueryVectors

_TOUCHED_SECONDS = 60.0
"""A search is noted once in so long: the rest would be writing for nobody."""
_DAY = 86_400.0


def expires_at(collection: Collection) -> float | None:
    """In seconds since 1970; None where it is kept for good."""
    if collection.expires_days is None:
        return None
    return max(collection.used_at, collection.created_at) + collection.expires_days * _DAY


def is_expired(collection: Collection) -> bool:
    until = expires_at(collection)
    return until is not None and until <= time.time()


@dataclass(frozen=True)
class _Expired:
    collection: Collection

    @property
    def shareable(self) -> bool:
        return self.collection.shareable

    def search(self, sought: Sought, name: str, vectors: QueryVectors) -> Answer:
        raise CollectionExpired(
            f"{name} has expired: it was not used for {self.collection.expires_days} days."
        )


class Shelves:
    """One of these serves all threads."""

    def __init__(self, archive: Archive, bound: Mapping[str, Bound]) -> None:
        self._archive = archive
        self._bound = {name: Provided(each) for name, each in bound.items()}
        self._bound_ids = {bound_id(name): name for name in bound}
        self._lock = threading.Lock()
        self._touched: dict[str, float] = {}

    def find(self, reader: Reader, name: str) -> Store:
        """What is searched under an id or a name; it counts as used from now.

        Raises:
            UnknownCollection: there is none, or none that this reader may see.
        """
        bound = self._bound.get(self._bound_ids.get(name, name))
        if bound and bound.bound.is_open_to(reader):
            return bound
        collection = self.collection(reader, name)
        if is_expired(collection):
            return _Expired(collection)
        self._touch(collection)
        return Kept(self._archive, collection)

    def collection(self, reader: Reader, name: str) -> Collection:
        """By its id or its name, a reader's own before those of others.

        Raises:
            UnknownCollection: there is none, or none that this reader may see.
        """
        seen = [each for each in self._archive.collections() if each.is_open_to(reader)]
        named = [each for each in seen if each.id == name] or [each for each in seen if each.name == name]
        if not named:
            raise unknown(name)
        return min(named, key=lambda each: each.owner != reader.key_id)

    def own(self, reader: Reader, name: str) -> Collection:
        """One that this reader may change.

        Raises:
            UnknownCollection: there is none, or none that this reader may change.
            KeptElsewhere: it is a provider's store.
        """
        for bound_name in self.bound(reader):
            if name in (bound_name, bound_id(bound_name)):
                raise KeptElsewhere(f"{bound_name} is kept by its provider, and changed there.")
        collection = self.collection(reader, name)
        if not collection.is_of(reader):
            raise unknown(name)
        return collection

    def collections(self, reader: Reader) -> Sequence[Collection]:
        """Those this reader may see, the oldest first."""
        return [each for each in self._archive.collections() if each.is_open_to(reader)]

    def bound(self, reader: Reader) -> Mapping[str, Bound]:
        """Stores of providers that this reader may see, by name."""
        return {name: each.bound for name, each in self._bound.items() if each.bound.is_open_to(reader)}

    def create(
        self,
        reader: Reader,
        name: str,
        *,
        attributes: Attributes | None = None,
        expires_days: int | None = None,
    ) -> Collection:
        """A new one of this reader's. One without a name, or with one that is taken, has its id in it."""
        id, now = new_id("vs_")
        collection = Collection(
            id,
            name or id,
            owner=reader.key_id,
            attributes=attributes or {},
            created_at=now,
            used_at=now,
            expires_days=expires_days,
        )
        return _named(collection, self._archive.create)

    def change(self, reader: Reader, name: str, changed: Callable[[Collection], Collection]) -> Collection:
        """A name that is taken gets the id in it.

        Args:
            changed: makes of what it is now what it is to be.

        Raises:
            UnknownCollection: as for `own`.
            KeptElsewhere: likewise.
        """
        with self._lock:
            return _named(changed(self.own(reader, name)), self._archive.change)

    def _touch(self, collection: Collection) -> None:
        now = time.time()
        if now - max(collection.used_at, self._touched.get(collection.id, 0.0)) < _TOUCHED_SECONDS:
            return
        with self._lock:
            self._touched[collection.id] = now
            for each in self._archive.collections():
                if each.id == collection.id:  # as it is by now
                    self._archive.change(replace(each, used_at=now))


def _named(collection: Collection, write: Callable[[Collection], None]) -> Collection:
    try:
        write(collection)
    except NameTaken:
        collection = replace(collection, name=f"{collection.name} {collection.id}")
        write(collection)
    return collection


def shown_name(collection: Collection) -> str:
    """As it was given, where the id had to be made part of it."""
    return collection.name.removesuffix(collection.id).rstrip()


def unknown(name: str) -> UnknownCollection:
    return UnknownCollection(
        f"There is no vector store {name!r}.", hint="Those there are: kanoa-mlops ground list"
    )
