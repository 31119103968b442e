"""What a model does that answers with numbers instead of words."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from kanoa_mlops.catalog.fields import Count, SourceName
from kanoa_mlops.catalog.types.base import Entry

Kind = Literal["chat", "embedding", "rerank"]
"""It writes; it turns texts into vectors; or it says how well texts answer a question."""
Pooling = Literal["mean", "cls", "last"]


class Embedding(Entry):
    """The vectors a model makes, and how it wants to be asked for them."""

    dimensions: Count
    """Numbers of a vector."""
    shortest: Count | None = None
    """A vector may be cut to any length from this one on; None where it is of use only whole."""
    cuts: tuple[Count, ...] = ()
    """The lengths it may be cut to, where it was trained for these alone."""
    pooling: Pooling
    """How one vector is made of those of all tokens: their mean, the first, or the last."""
    query_prompt: str = ""
    """Written before a question, as the model's card says."""
    document_prompt: str = ""
    """Written before a text that is searched."""
    source: SourceName

    @property
    def cut(self) -> str:
        """To which lengths, in words; '' where it may not be cut."""
        if self.cuts:
            return "to " + " or ".join(map(str, self.cuts))
        return f"to {self.shortest} or more" if self.shortest else ""

    def may_be_cut_to(self, dimensions: int) -> bool:
        if dimensions == self.dimensions or dimensions in self.cuts:
            return True
        return self.shortest is not None and self.shortest <= dimensions <= self.dimensions

    @model_validator(mode="after")
    def _one_way_to_cut(self) -> Self:
        if self.shortest is not None and self.cuts:
            raise ValueError("give shortest or cuts, not both")
        if max((self.shortest or 0, *self.cuts)) > self.dimensions:
            raise ValueError("a vector cannot be cut to more than it has")
        return self
