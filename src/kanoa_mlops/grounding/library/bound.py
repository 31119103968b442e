"""A provider's store, under a name of the owner's."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from kanoa_mlops.grounding.archive import EVERYBODY, Reader
from kanoa_mlops.grounding.types import Retriever


@dataclass(frozen=True)
class Bound:
    """Searched like a collection, and changed by its provider alone."""

    retriever: Retriever
    shareable: bool = False
    """Whether what it holds may leave the owner's machines with a request."""
    readers: frozenset[str] = frozenset()
    """Ids of keys that may search it beside the owner of the machine; `EVERYBODY` for all."""

    def is_open_to(self, reader: Reader) -> bool:
        return reader.key_id in ("", *self.readers) or EVERYBODY in self.readers


def bound_id(name: str) -> str:
    """Of the form that collections have, and the same whenever it is bound."""
    return f"vs_{hashlib.sha256(f'bound {name}'.encode()).hexdigest()[:24]}"
