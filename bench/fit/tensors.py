"""The tensors of a language model as llama.cpp's converter names and shapes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kanoa_mlops.catalog.types import Architecture, AttentionGroup


@dataclass(frozen=True)
class Tensor:
    name: str
    shape: tuple[int, ...]
    """Columns first, as ggml counts: (inputs, outputs, experts)."""


@dataclass(frozen=True)
class Layout:
    """What one of llama.cpp's architectures adds to the common transformer block."""

    head_norms: bool = False
    """Queries and keys are normed, head by head."""
    post_norms: bool = False
    """Attention and feed-forward outputs are normed."""
    attention_bias: bool = False
    output_bias: bool = False
    sinks: bool = False
    """A learnt logit a head that takes attention away."""
    feed_forward_norm: str = "ffn_norm"
    expert_bias: bool = False
    rotary_sections: bool = False
    """Positions have a time, a row and a column."""
    sliding_every: int | None = None
    """The last layer of each such period attends to everything, the others to a window."""


LAYOUTS = {
    "llama": Layout(),
    "mistral3": Layout(),
    "gemma3": Layout(head_norms=True, post_norms=True, sliding_every=6),
    "qwen2": Layout(attention_bias=True),
    "qwen2vl": Layout(attention_bias=True, rotary_sections=True),
    "qwen3": Layout(head_norms=True),
    "qwen3vl": Layout(head_norms=True, rotary_sections=True),
    "qwen3vlmoe": Layout(head_norms=True, rotary_sections=True),
    "gpt-oss": Layout(
        attention_bias=True,
        output_bias=True,
        sinks=True,
        feed_forward_norm="post_attention_norm",
        expert_bias=True,
        sliding_every=2,
    ),
}
"""By `general.architecture`."""


def language_tensors(architecture: Architecture) -> Iterator[Tensor]:
    """All tensors, in file order. KeyError for an architecture that is not in LAYOUTS."""
    layout = LAYOUTS[architecture.name]
    hidden, vocabulary = architecture.hidden_size, architecture.vocabulary
    yield Tensor("token_embd.weight", (hidden, vocabulary))
    for number, group in enumerate(layer_groups(architecture)):
        for tensor in (
            *_attention(architecture, layout, group),
            *_feed_forward(architecture, layout),
        ):
            yield Tensor(f"blk.{number}.{tensor.name}", tensor.shape)
    yield Tensor("output_norm.weight", (hidden,))
    if not architecture.tied_embeddings:
        yield Tensor("output.weight", (hidden, vocabulary))


def layer_groups(architecture: Architecture) -> list[AttentionGroup]:
    """The attention group of each layer, in the order llama.cpp gives its architecture."""
    period = LAYOUTS[architecture.name].sliding_every
    full = [group for group in architecture.attention if group.kind == "full"]
    sliding = [group for group in architecture.attention if group.kind == "sliding"]
    if not (period and sliding):
        return [group for group in architecture.attention for _ in range(group.layers)]
    return [(full if layer % period == period - 1 else sliding)[0] for layer in range(architecture.layers)]


def _attention(architecture: Architecture, layout: Layout, group: AttentionGroup) -> Iterator[Tensor]:
    hidden, head = architecture.hidden_size, group.head_dim
    queries, keys = architecture.heads * head, group.kv_heads * head
    yield Tensor("attn_norm.weight", (hidden,))
    for part, width in (("q", queries), ("k", keys), ("v", keys)):
        yield Tensor(f"attn_{part}.weight", (hidden, width))
        if layout.attention_bias:
            yield Tensor(f"attn_{part}.bias", (width,))
    yield Tensor("attn_output.weight", (queries, hidden))
    if layout.output_bias:
        yield Tensor("attn_output.bias", (hidden,))
    if layout.head_norms:
        yield Tensor("attn_q_norm.weight", (head,))
        yield Tensor("attn_k_norm.weight", (head,))
    if layout.sinks:
        yield Tensor("attn_sinks.weight", (architecture.heads,))
    if layout.post_norms:
        yield Tensor("post_attention_norm.weight", (hidden,))


def _feed_forward(architecture: Architecture, layout: Layout) -> Iterator[Tensor]:
    hidden = architecture.hidden_size
    yield Tensor(f"{layout.feed_forward_norm}.weight", (hidden,))
    if architecture.experts is None:
        yield from _dense(hidden, architecture.feed_forward_size)
    else:
        yield from _experts(architecture, layout)
    if layout.post_norms:
        yield Tensor("post_ffw_norm.weight", (hidden,))


def _dense(hidden: int, width: int) -> Iterator[Tensor]:
    yield Tensor("ffn_gate.weight", (hidden, width))
    yield Tensor("ffn_up.weight", (hidden, width))
    yield Tensor("ffn_down.weight", (width, hidden))


def _experts(architecture: Architecture, layout: Layout) -> Iterator[Tensor]:
    experts = architecture.experts
    assert experts is not None
    hidden, width, count = architecture.hidden_size, experts.feed_forward_size, experts.count
    yield Tensor("ffn_gate_inp.weight", (hidden, count))
    if layout.expert_bias:
        yield Tensor("ffn_gate_inp.bias", (count,))
    for part, inputs, outputs in (
        ("gate", hidden, width),
        ("up", hidden, width),
        ("down", width, hidden),
    ):
        yield Tensor(f"ffn_{part}_exps.weight", (inputs, outputs, count))
        if layout.expert_bias:
            yield Tensor(f"ffn_{part}_exps.bias", (outputs, count))
