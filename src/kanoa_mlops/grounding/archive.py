"""Where collections of documents are kept: a file of SQLite, or a Postgres."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from kanoa_mlops.grounding.filters import Attributes, Filter
from kanoa_mlops.grounding.types import Chunk, Document, Passage, Ranking, Space

if TYPE_CHECKING:
    from kanoa_mlops.grounding.types import Vectors

EVERYBODY = "*"


@dataclass(frozen=True)
class Reader:
    """Who asks: the owner of the machine, or the holder of a key."""

    key_id: str = ""
    """Empty for the owner."""


OWNER = Reader()


@dataclass(frozen=True)
class Collection:
    """Some documents that are searched together; OpenAI's vector store."""

    id: str
    """vs_ and 24 hexadecimal digits."""
    name: str
    """Of the owner's choice; one owner has it once."""
    owner: str = ""
    """The id of the key that made it; empty for the owner of the machine."""
    readers: frozenset[str] = frozenset()
    """Ids of keys that may search it beside its owner; `EVERYBODY` for all."""
    folder: str = ""
    """Absolute path that it mirrors; empty where documents are uploaded."""
    shareable: bool = False
    """Whether what it holds may leave the owner's machines with a request."""
    space: Space | None = None
    """Of its vectors, once there are any."""
    attributes: Attributes = field(default_factory=dict)
    """OpenAI's metadata."""
    created_at: float = 0.0
    used_at: float = 0.0
    expires_days: int | None = None
    """After it was last used."""

    def is_open_to(self, reader: Reader) -> bool:
        return self.is_of(reader) or reader.key_id in self.readers or EVERYBODY in self.readers

    def is_of(self, reader: Reader) -> bool:
        """Whether they may change it. The owner of the machine may change everything."""
        return reader.key_id in ("", self.owner)


@dataclass(frozen=True)
class Held:
    """A document of a collection, without its text."""

    source: str
    title: str
    digest: str
    file_id: str
    path: str
    bytes: int
    modified: float
    reader: str
    chunks: int
    embedded: int
    """Of its chunks, those with a vector of the collection's space."""
    attributes: Attributes
    added_at: float


@dataclass(frozen=True)
class Stats:
    """Of a collection."""

    documents: int
    chunks: int
    embedded: int
    text_bytes: int


@dataclass(frozen=True)
class File:
    """Uploaded by somebody; belongs to them whether or not a collection holds it."""

    id: str
    """file- and 24 hexadecimal digits."""
    owner: str
    filename: str
    purpose: str
    bytes: int
    created_at: float


class Archive(Protocol):
    """One of these serves all threads. What it changes, it changes whole or not at all."""

    def create(self, collection: Collection) -> None:
        """
        Raises:
            NameTaken: its owner has one of that name.
        """
        ...

    def collections(self) -> Sequence[Collection]:
        """All, the oldest first; whoever shows them asks each whom it is open to."""
        ...

    def change(self, collection: Collection) -> None:
        """By its id: name, readers, shareable, attributes, times, expiry."""
        ...

    def remove(self, collection_id: str) -> None:
        """With all that it holds, so that nothing of it can be read from the disk afterwards."""
        ...

    def put(self, collection_id: str, document: Document) -> None:
        """In place of what was there from the same source.

        Chunks keep their vectors whose `embedded_text` is the same.
        """
        ...

    def drop(self, collection_id: str, sources: Sequence[str]) -> int:
        """How many were there. Nothing of them can be read from the disk afterwards."""
        ...

    def held(self, collection_id: str) -> Sequence[Held]: ...

    def chunks(self, collection_id: str, source: str) -> Sequence[Chunk]:
        """In the document's order; empty where there is no such source."""
        ...

    def stats(self, collection_id: str) -> Stats: ...

    def unembedded(self, collection_id: str, space: Space) -> Iterator[Sequence[Chunk]]:
        """Chunks without a vector of that space, some at a time, shortest first within each lot."""
        ...

    def embed(self, collection_id: str, space: Space, chunk_ids: Sequence[str], vectors: Vectors) -> None:
        """A chunk that is gone meanwhile is passed over.

        Raises:
            OtherSpace: the collection's vectors are of another model; `forget_vectors` first.
        """
        ...

    def forget_vectors(self, collection_id: str) -> None:
        """So that another model may make them anew; until then it is found by its words."""
        ...

    def search(
        self,
        collection_id: str,
        query: str,
        vector: Vectors | None,
        *,
        k: int = 5,
        filters: Filter | None = None,
        ranking: Ranking | None = None,
    ) -> Sequence[Passage]:
        """`vector` is of the query, in the collection's space; without one, by words alone.

        Scores are between 0 and 1.
        """
        ...

    def add_file(self, file: File, content: bytes) -> None: ...

    def files(self) -> Sequence[File]: ...

    def content(self, file_id: str) -> bytes:
        """
        Raises:
            UnknownFile: there is none.
        """
        ...

    def remove_file(self, file_id: str) -> None:
        """The file alone: collections drop their documents of it themselves, in the same breath."""
        ...

    def close(self) -> None: ...
