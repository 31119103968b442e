"""Vision projectors (mmproj) as llama.cpp's converter names and shapes them, as sparse files."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gguf import GGUFWriter

from bench.fit.boot import Boot
from bench.fit.quantize import FileType, TypedTensor
from bench.fit.sparse import deepstack_levels, write_hole, write_sparse_gguf
from bench.fit.tensors import LAYOUTS, Tensor
from bench.fit.tokenizer import Tokenizer
from kanoa_mlops.catalog.types import AreaTokens, FixedTokens, Model, TiledTokens, Vision
from kanoa_mlops.runtime.words import parse

_COLOURS = 3


@dataclass(frozen=True)
class Tower:
    """The numbers a projector's tensors follow from."""

    vision: Vision
    output: int
    """Hidden size of the language model."""
    deepstack: int

    @property
    def patches(self) -> int:
        """Of an image of the size the tower works at."""
        return (self.vision.image_size // self.vision.patch_size) ** 2

    @property
    def merge(self) -> int:
        """Patches of a side that become one token together."""
        rule = self.vision.image_tokens
        if isinstance(rule, AreaTokens):
            return rule.token_size // self.vision.patch_size
        tokens = rule.tokens if isinstance(rule, FixedTokens) else rule.tile_tokens
        return round(math.sqrt(self.patches / tokens))


@dataclass(frozen=True)
class Shape:
    """What one of llama.cpp's projector types adds to the common vision transformer."""

    head: Callable[[Tower], Iterator[Tensor]]
    """Tensors between the tower and the language model."""
    class_token: bool = False
    pre_norm: bool = False
    post_norm: bool = True
    patch_bias: bool = True
    joint_qkv: bool = False
    frames: int = 1
    """Frames of a film that one patch spans."""
    positions: int | None = None
    """Side of the grid the position embedding is stored for; None where it is the image's own."""
    embeds_positions: bool = True
    """Else they are rotated in."""
    half_positions: bool = False
    """Position embedding in F16 like the matrices."""
    full_patches: bool = False
    """Patch embedding in F32 whatever the file's type."""
    norm_bias: bool = True
    gated: bool = False
    """Feed-forward with a gate, as in language models."""
    unused_layers: int = 0
    """Blocks at the tower's end whose output is not taken; the converter leaves them out."""
    window_every: int | None = None
    """The last block of each such period attends to the whole image, the others to a window."""


@dataclass(frozen=True)
class SparseProjector:
    """Bytes of a projector."""

    weights: int
    compute: int
    """At the engine's warm-up image."""


def measure_projector(model: Model, tokenizer: Tokenizer, folder: Path) -> SparseProjector:
    """Boot it beside a stub of the language model, of which it needs no more than the width."""
    stub, mmproj = folder / "stub.gguf", folder / "mmproj.gguf"
    write_sparse_gguf(_stub(model), FileType("Q8_0"), tokenizer, stub)
    weights = write_sparse_mmproj(model, mmproj)
    words = parse(Boot(stub, context=512, mmproj=mmproj).real())
    return SparseProjector(weights, words.projector_compute)


def _stub(model: Model) -> Model:
    """The same language model with as few layers as the engine takes."""
    architecture = model.architecture
    layers = max(deepstack_levels(model) + 1, LAYOUTS[architecture.name].sliding_every or 1)
    groups = tuple(group.model_copy(update={"layers": layers}) for group in architecture.attention)
    few = {"layers": layers, "attention": groups}
    return model.model_copy(update={"architecture": architecture.model_copy(update=few)})


def write_sparse_mmproj(model: Model, path: Path) -> int:
    """Write the projector in F16; return the bytes of its tensors. KeyError where llama.cpp has none."""
    assert model.vision is not None and model.vision.projector is not None
    tower = Tower(model.vision, model.architecture.hidden_size, deepstack_levels(model))
    shape = SHAPES[model.vision.projector]
    tensors = [_typed(each, shape) for each in _tensors(tower, shape)]
    writer = GGUFWriter(None, "clip")
    writer.add_type("mmproj")
    _describe(writer, tower, shape)
    write_hole(writer, tensors, path)
    return sum(tensor.bytes for tensor in tensors)


def _typed(tensor: Tensor, shape: Shape) -> TypedTensor:
    whole = len(tensor.shape) < 2
    whole |= "position_embd" in tensor.name and not shape.half_positions
    whole |= "patch_embd" in tensor.name and shape.full_patches
    return TypedTensor(tensor.name, tensor.shape, "F32" if whole else "F16")


def _describe(writer: GGUFWriter, tower: Tower, shape: Shape) -> None:
    vision = tower.vision
    assert vision.projector is not None
    side = shape.positions
    writer.add_file_type(1)
    writer.add_clip_has_vision_encoder(True)
    writer.add_clip_projector_type(vision.projector)
    writer.add_vision_projection_dim(tower.output)
    writer.add_vision_image_size(side * vision.patch_size if side else vision.image_size)
    writer.add_vision_patch_size(vision.patch_size)
    writer.add_vision_embedding_length(vision.hidden_size)
    writer.add_vision_feed_forward_length(vision.feed_forward_size)
    writer.add_vision_block_count(vision.layers - shape.unused_layers)
    writer.add_vision_head_count(vision.heads)
    writer.add_vision_attention_layernorm_eps(1e-6)
    writer.add_vision_image_mean([0.5] * _COLOURS)
    writer.add_vision_image_std([0.5] * _COLOURS)
    writer.add_vision_use_silu(shape.gated)
    writer.add_vision_use_gelu(not shape.gated)
    writer.add_vision_projector_scale_factor(tower.merge)
    writer.add_vision_spatial_merge_size(tower.merge)
    if shape.window_every:
        writer.add_vision_n_wa_pattern(shape.window_every)
    if tower.deepstack:
        writer.add_vision_is_deepstack_layers(_deepstack_layers(tower))


def _deepstack_layers(tower: Tower) -> list[bool]:
    """Evenly spread, the last block not among them."""
    step = tower.vision.layers // (tower.deepstack + 1)
    return [
        layer % step == step - 1 and layer // step < tower.deepstack for layer in range(tower.vision.layers)
    ]


def _tensors(tower: Tower, shape: Shape) -> Iterator[Tensor]:
    vision, width = tower.vision, tower.vision.hidden_size
    patch = (vision.patch_size, vision.patch_size, _COLOURS, width)
    for frame in range(shape.frames):
        yield Tensor("v.patch_embd.weight" + (f".{frame}" if frame else ""), patch)
    if shape.patch_bias:
        yield Tensor("v.patch_embd.bias", (width,))
    if shape.class_token:
        yield Tensor("v.class_embd", (width,))
    if shape.embeds_positions:
        patches = shape.positions**2 if shape.positions else tower.patches
        yield Tensor("v.position_embd.weight", (width, patches + shape.class_token))
    if shape.pre_norm:
        yield from _norm("v.pre_ln", width, shape)
    for layer in range(vision.layers - shape.unused_layers):
        for tensor in _block(width, vision.feed_forward_size, shape):
            yield Tensor(f"v.blk.{layer}.{tensor.name}", tensor.shape)
    if shape.post_norm:
        yield from _norm("v.post_ln", width, shape)
    yield from shape.head(tower)


def _block(width: int, inner: int, shape: Shape) -> Iterator[Tensor]:
    yield from _norm("ln1", width, shape)
    if shape.joint_qkv:
        yield from _with_bias("attn_qkv", (width, 3 * width))
    else:
        for part in "qkv":
            yield from _with_bias(f"attn_{part}", (width, width))
    yield from _with_bias("attn_out", (width, width))
    yield from _norm("ln2", width, shape)
    for part in ("gate", "up") if shape.gated else ("up",):
        yield from _with_bias(f"ffn_{part}", (width, inner))
    yield from _with_bias("ffn_down", (inner, width))


def _norm(name: str, width: int, shape: Shape) -> Iterator[Tensor]:
    yield Tensor(f"{name}.weight", (width,))
    if shape.norm_bias:
        yield Tensor(f"{name}.bias", (width,))


def _with_bias(name: str, shape: tuple[int, ...]) -> Iterator[Tensor]:
    yield Tensor(f"{name}.weight", shape)
    yield Tensor(f"{name}.bias", (shape[-1],))


def _gemma3(tower: Tower) -> Iterator[Tensor]:
    yield Tensor("mm.input_projection.weight", (tower.output, tower.vision.hidden_size))
    yield Tensor("mm.soft_emb_norm.weight", (tower.vision.hidden_size,))


def _mlp(tower: Tower) -> Iterator[Tensor]:
    yield from _with_bias("mm.0", (tower.vision.hidden_size, tower.output))
    yield from _with_bias("mm.2", (tower.output, tower.output))
    if isinstance(tower.vision.image_tokens, TiledTokens):
        yield Tensor("model.image_newline", (tower.output,))


def _idefics3(tower: Tower) -> Iterator[Tensor]:
    yield Tensor("mm.model.fc.weight", (tower.vision.hidden_size * tower.merge**2, tower.output))


def _qwen2vl(tower: Tower) -> Iterator[Tensor]:
    merged = tower.vision.hidden_size * tower.merge**2
    yield from _with_bias("mm.0", (merged, merged))
    yield from _with_bias("mm.2", (merged, tower.output))


def _qwen3vl(tower: Tower) -> Iterator[Tensor]:
    merged = tower.vision.hidden_size * tower.merge**2
    yield from _qwen2vl(tower)
    for layer, taken in enumerate(_deepstack_layers(tower)):
        if taken:
            yield from _with_bias(f"v.deepstack.{layer}.norm", (merged,))
            yield from _with_bias(f"v.deepstack.{layer}.fc1", (merged, merged))
            yield from _with_bias(f"v.deepstack.{layer}.fc2", (merged, tower.output))


SHAPES = {
    "gemma3": Shape(_gemma3, full_patches=True),
    "idefics3": Shape(_idefics3),
    "mlp": Shape(
        _mlp,
        class_token=True,
        pre_norm=True,
        post_norm=False,
        patch_bias=False,
        half_positions=True,
        unused_layers=1,
    ),
    "qwen2.5vl_merger": Shape(
        _qwen2vl,
        patch_bias=False,
        frames=2,
        embeds_positions=False,
        norm_bias=False,
        gated=True,
        window_every=8,
    ),
    "qwen3vl_merger": Shape(_qwen3vl, joint_qkv=True, frames=2, positions=48),
}
"""By `clip.projector_type`."""
