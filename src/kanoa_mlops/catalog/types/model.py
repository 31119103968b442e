"""A model: all the catalog knows of one."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from kanoa_mlops.catalog.fields import Id, SourceName
from kanoa_mlops.catalog.types.architecture import Architecture
from kanoa_mlops.catalog.types.base import Entry, Sourced
from kanoa_mlops.catalog.types.embedding import Embedding, Kind
from kanoa_mlops.catalog.types.engine import EngineId, Support
from kanoa_mlops.catalog.types.vision import Vision
from kanoa_mlops.catalog.types.weights import Weights


class Licence(Entry):
    name: str
    """SPDX identifier, or the licence's own name."""
    url: str = Field(pattern=r"^https://")
    gated: bool
    """The hub asks for acceptance before it gives the file."""
    source: SourceName


class Sampling(Entry):
    """How the next token is drawn where a request does not say; the rest is the engine's own default."""

    repeat_penalty: float = Field(ge=1, le=2)
    """1 is none."""
    source: SourceName


class Model(Sourced):
    id: Id
    """The name of its file; not written in it."""
    title: str
    summary: str
    """One line: what it is good for, honestly."""
    family: str = ""
    """Models of one family differ in size alone; a smaller one is offered where a larger does not fit."""
    aliases: tuple[str, ...] = ()
    kind: Kind = "chat"
    """What it is for; never asked for anything else."""
    inputs: tuple[Literal["text", "image"], ...]
    instruct: bool
    """Trained to follow instructions; a base model only continues text."""
    reasoning: bool = False
    """Thinks in words before it answers."""
    licence: Licence
    architecture: Architecture
    vision: Vision | None = None
    embedding: Embedding | None = None
    sampling: Sampling | None = None
    engines: dict[EngineId, Support]
    """Those that can serve it, with what must be known for that."""
    weights: tuple[Weights, ...] = Field(min_length=1)
    """In order of preference."""

    @property
    def sees(self) -> bool:
        return "image" in self.inputs

    @property
    def text_parameters(self) -> int:
        """Of the language model alone."""
        return self.architecture.parameters - (self.vision.parameters if self.vision else 0)

    @property
    def active_parameters(self) -> int:
        """Of the language model, those that one token passes; all but the token embedding in a dense one."""
        shape = self.architecture
        passed = self.text_parameters - shape.expert_parameters
        if shape.experts:
            passed += shape.expert_parameters * shape.experts.used // shape.experts.count
        # The embedding is looked up, not multiplied; tied, it is multiplied once, as the output head.
        head = shape.tied_embeddings and self.kind == "chat"
        return passed - (0 if head else shape.embedding_parameters)

    @property
    def reads_whole(self) -> bool:
        """All of a text must be computed at once; else in pieces, as its last token knows all before it."""
        in_pieces = self.kind == "chat" or (self.embedding is not None and self.embedding.pooling == "last")
        return not (in_pieces and self.architecture.causal)

    @model_validator(mode="after")
    def _sees_by_its_tower(self) -> Self:
        if self.sees != (self.vision is not None):
            raise ValueError("vision is given for models with image among their inputs, and only there")
        return self

    @model_validator(mode="after")
    def _embeds_by_its_vectors(self) -> Self:
        if (self.kind == "embedding") != (self.embedding is not None):
            raise ValueError("embedding is given for models of that kind, and only there")
        if self.kind == "chat" and not self.architecture.causal:
            raise ValueError("a model that reads in both directions writes nothing; its kind is another")
        return self
