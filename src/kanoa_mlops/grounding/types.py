"""What retrieval speaks of, whoever does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal, Protocol

from kanoa_mlops.grounding.filters import Attributes, Filter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    """One row a text, of length 1; of a single text, one dimension."""

Kind = Literal["text", "table", "figure", "code"]


@dataclass(frozen=True)
class Passage:
    """Some text out of a document, that may answer."""

    text: str
    source: str
    """Where it is from, as its provider says: an address, a path, a title."""
    score: float | None = None
    """The provider's own. Between stores only the rank can be compared."""
    chunk_id: str = ""
    title: str = ""
    page: int | None = None
    """Counted from 1."""
    heading: str = ""
    """The headings it stands under, or the notebook's cell."""
    file_id: str = ""
    store: str = ""
    """The name it was asked under."""
    attributes: Attributes = field(default_factory=dict)

    @property
    def filename(self) -> str:
        """Of what was uploaded, whose source is its id, the title is the file's name."""
        if self.source in ("", self.file_id):
            return self.title
        return PurePosixPath(self.source).name or self.source


class Retriever(Protocol):
    """All that a connector must be."""

    @property
    def name(self) -> str:
        """What it is called in answers."""
        ...

    def search(self, query: str, *, k: int = 5, filters: Filter | None = None) -> Sequence[Passage]:
        """At most `k` passages, the best first. May be called by several threads at once.

        Raises:
            BadFilter: the provider has no way to say this filter; it is never left out.
            RetrieverFailed: it was not reached, or refused.
        """
        ...


@dataclass(frozen=True)
class Ranking:
    """How a hybrid search weighs its halves, as OpenAI's `ranking_options`."""

    text_weight: float | None = None
    embedding_weight: float | None = None
    """None, as both are then: nobody said, and a collection weighs by the question (`local.weighing`)."""
    score_threshold: float = 0.0
    """Between 0 and 1; what scores below is left out."""


@dataclass(frozen=True)
class Chunk:
    """A piece of a document that is found as a whole."""

    id: str
    """The same for the same text at the same place, whenever it is read."""
    text: str
    page: int | None = None
    heading: str = ""
    kind: Kind = "text"


@dataclass(frozen=True)
class Document:
    """One file, read and cut."""

    source: str
    """What it is known by in its collection: a path relative to the folder, or the id of an uploaded file."""
    title: str
    digest: str
    """sha256 of the file, in hex."""
    chunks: tuple[Chunk, ...]
    attributes: Attributes = field(default_factory=dict)
    file_id: str = ""
    """Empty where it was not uploaded."""
    path: str = ""
    """Absolute, where it lies in a folder of the person's."""
    bytes: int = 0
    modified: float = 0.0
    """Seconds since 1970, of the file."""
    reader: str = ""
    """What read and cut it, with its version: another one reads it again."""


@dataclass(frozen=True)
class Space:
    """Where vectors can be compared: of one model, in one dimension."""

    model: str
    dimensions: int


@dataclass(frozen=True)
class Prompts:
    """What an embedding model wants written before a text, as its card says."""

    query: str = ""
    document: str = ""


class Embedder(Protocol):
    """Turns texts into vectors of length 1."""

    @property
    def space(self) -> Space: ...

    def documents(self, texts: Sequence[str]) -> Vectors:
        """One row a text.

        Raises:
            RetrieverFailed: the model was not reached, or refused.
        """
        ...

    def query(self, text: str) -> Vectors:
        """One vector; some models want a question said otherwise than a document."""
        ...
