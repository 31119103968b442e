"""What a way of storing weights does to each kind of tensor."""

from __future__ import annotations

from pydantic import Field

from kanoa_mlops.catalog.fields import Id, SourceName
from kanoa_mlops.catalog.types.base import Entry, Sourced
from kanoa_mlops.catalog.types.engine import Constant

Bits = float
"""Bits a parameter, scales and padding included."""


class TensorBits(Entry):
    linear: Bits
    """Attention and dense feed-forward matrices."""
    experts: Bits
    embedding: Bits
    output: Bits
    """The output head, where it is stored apart."""
    vision: Bits
    """Tower and projector, where they are in the same files."""


class Quantization(Sourced):
    id: Id
    title: str
    """As people write it: 'Q4_K_M', 'BF16'."""
    quality: int = Field(ge=0, le=100)
    """Rank by published loss against 16 bits; 100 is none. For ordering only."""
    bits: TensorBits
    block: int = 1
    """Weights in a row that are stored together; a row must be a multiple of it."""
    fallback: TensorBits | None = None
    """What is stored where rows are no such multiple."""
    ggml: str | None = None
    """llama.cpp's file type, where it is one of its own."""
    repack: Constant | None = None
    """What vLLM adds to the experts' bytes when it lays them out for its kernels, as a share of them."""
    repacked: bool = False
    """llama.cpp lays it out anew for processors, in a copy of its own."""
    note: str = ""
    source: SourceName

    def bits_for(self, row: int) -> TensorBits:
        """Of matrices whose rows hold so many weights."""
        return self.fallback if self.fallback and row % self.block else self.bits
