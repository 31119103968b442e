"""A file that is put into a collection, from when it is asked for until it is found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from kanoa_mlops.grounding.filters import Attributes

Status = Literal["in_progress", "completed", "cancelled", "failed"]
Fault = Literal["server_error", "unsupported_file", "invalid_file"]


@dataclass(frozen=True)
class Cut:
    """How long the pieces of a document are, in tokens; OpenAI's static strategy."""

    tokens: int = 800
    overlap: int = 400


@dataclass(frozen=True)
class Wanted:
    """To be put into a collection."""

    file_id: str
    attributes: Attributes = field(default_factory=dict)
    cut: Cut | None = None
    """None leaves it to whoever reads."""


@dataclass(frozen=True)
class Attachment:
    collection_id: str
    file_id: str
    status: Status
    created_at: float
    attributes: Attributes = field(default_factory=dict)
    cut: Cut | None = None
    batch_id: str = ""
    fault: Fault | None = None
    message: str = ""
    """Why it failed."""
    bytes: int = 0


@dataclass(frozen=True)
class Counts:
    """Of files, by what became of them."""

    in_progress: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0

    @property
    def total(self) -> int:
        return self.in_progress + self.completed + self.failed + self.cancelled


@dataclass(frozen=True)
class Batch:
    """Files that were asked for together."""

    id: str
    collection_id: str
    created_at: float
    cancelled: bool
    counts: Counts

    @property
    def status(self) -> Status:
        if self.counts.in_progress:
            return "in_progress"
        if self.cancelled:
            return "cancelled"
        return "failed" if self.counts.failed and not self.counts.completed else "completed"
