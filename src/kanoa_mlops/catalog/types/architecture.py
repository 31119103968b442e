"""The numbers of a language model that memory and speed follow from."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from kanoa_mlops.catalog.fields import Count, SourceName, Tokens
from kanoa_mlops.catalog.types.base import Entry


class AttentionGroup(Entry):
    """Layers that share one kind of attention, hence one size of key-value cache a token."""

    kind: Literal["full", "sliding", "cross"]
    """'cross' layers attend to the tokens of the image, whatever the prompt's length."""
    layers: Count
    kv_heads: Count
    head_dim: Count
    """As read from the model's files; it is not always hidden size over heads."""
    window: Tokens | None = None
    """Only for sliding attention."""

    @model_validator(mode="after")
    def _window_belongs_to_sliding(self) -> Self:
        if (self.kind == "sliding") != (self.window is not None):
            raise ValueError("window is given for sliding attention, and only there")
        return self


class Experts(Entry):
    """A mixture of experts in place of the feed-forward part of each layer."""

    count: Count
    """Experts a layer."""
    used: Count
    """Experts that one token passes."""
    feed_forward_size: Count
    """Of one expert."""


class Architecture(Entry):
    name: str
    """llama.cpp's name of the architecture (`general.architecture`), even where it cannot run the model."""
    hub_class: str
    """The class in config.json's `architectures`, by which vLLM knows it."""
    parameters: Count
    """Of the whole model as published, vision tower included."""
    layers: Count
    hidden_size: Count
    feed_forward_size: Count
    """Of a dense layer; with experts, that of one expert."""
    gated: bool = True
    """The feed-forward part has a gate beside its way up; that of a BERT has none."""
    heads: Count
    vocabulary: Count
    """Rows of the token embedding."""
    tied_embeddings: bool
    """The output head is the token embedding, and not stored again."""
    dtype: Literal["BF16", "F16", "F32"]
    """What the checkpoint is published in; what an engine loads if it is not told otherwise."""
    context: Tokens
    """The longest the model was trained for."""
    causal: bool = True
    """A token sees those before it; else all of the text at once, and no keys and values are kept."""
    attention: tuple[AttentionGroup, ...] = Field(min_length=1)
    experts: Experts | None = None
    source: SourceName

    @property
    def embedding_parameters(self) -> int:
        """Of the token embedding alone."""
        return self.vocabulary * self.hidden_size

    @property
    def expert_parameters(self) -> int:
        """Of all routed experts; 0 in a dense model."""
        if self.experts is None:
            return 0
        return self.layers * self.experts.count * 3 * self.hidden_size * self.experts.feed_forward_size

    @model_validator(mode="after")
    def _every_layer_attends(self) -> Self:
        attending = sum(group.layers for group in self.attention)
        if attending != self.layers:
            raise ValueError(f"attention groups hold {attending} layers, the model has {self.layers}")
        return self
