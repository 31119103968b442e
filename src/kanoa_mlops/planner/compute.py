"""llama.cpp's compute buffers: the memory its graph needs for one micro-batch.

Found by changing one dimension at a time on models without weights and reading what the engine sets aside
(bench/fit): with flash attention it depends neither on the number of layers nor on the vocabulary.
"""

from __future__ import annotations

from collections.abc import Collection

from kanoa_mlops.catalog.types import Architecture, AreaTokens, Model, Vision
from kanoa_mlops.planner.cache import llama_cells
from kanoa_mlops.planner.estimate import Estimate
from kanoa_mlops.planner.images import most_image_tokens, most_patches
from kanoa_mlops.planner.setup import Setup

_WARM_UP_TOKENS = 46 * 46
"""Of the image llama.cpp reserves for at start, where the model takes any size."""
_F32 = 4
_F16 = 2


_INPUT_BYTES = 41
"""Of one token beside its activations: position, row numbers, output marks."""


def compute_bytes(setup: Setup) -> Estimate:
    """Activations and masks of one micro-batch, and the logits of each sequence's last token."""
    model = setup.model
    batch = min(setup.batch, setup.context * setup.sequences)
    activations = batch * _floats(model) * _F32
    inputs = batch * (_INPUT_BYTES + _F16 * sum(_mask_cells(setup, batch)))
    rows = setup.sequences * model.architecture.vocabulary * _F32
    others = inputs + _rotations(setup) + _scores(setup, batch)
    # Logits of a whole batch come when the activations before them are no longer needed.
    older = max(activations, batch * model.architecture.vocabulary * _F32) + others
    total = older if setup.batch_logits else activations + rows + others
    if model.kind != "chat" and model.architecture.causal:
        # Every token is an output where a vector is made of them, and the head is multiplied for each.
        shape = model.architecture
        total = batch * (shape.vocabulary + 5 * shape.hidden_size) * _F32 + rows + others
    if setup.place == "cpu":
        return Estimate.around(total, 0.02)
    # Measured on processors; elsewhere the same graph has paddings of its own, and builds may be older.
    return Estimate(total, total * 0.9, max(total * 1.25, older))


def _scores(setup: Setup, batch: int) -> int:
    """Without flash attention: every head's scores, before and after the softmax."""
    if setup.flash:
        return 0
    return 2 * batch * setup.model.architecture.heads * max(_mask_cells(setup, batch)) * _F32


def _rotations(setup: Setup) -> int:
    """Matrices that spread outliers before keys and values are quantised, for each kind of attention."""
    if setup.cache_type == "f16":
        return 0
    kinds = {(group.kind, group.head_dim) for group in setup.model.architecture.attention}
    return sum(_F32 * (head_dim**2 + 64**2) for _, head_dim in kinds)


def _mask_cells(setup: Setup, batch: int) -> Collection[int]:
    """One mask for each kind of attention, as long as one stream's cache; without one, as the batch."""
    groups = setup.model.architecture.attention
    if not setup.model.architecture.causal:
        return [batch for _ in groups]
    return {llama_cells(group, setup.context, setup.batch) for group in groups if group.kind != "cross"}


def _floats(model: Model) -> int:
    """Numbers a token alive at once, at the graph's widest place."""
    shape = model.architecture
    hidden = shape.hidden_size
    if model.vision and model.vision.width > hidden:
        return 6 * hidden + 4 * model.vision.width + _fed_forward_in_holes(shape)
    # Residual, its normed copy, two ways in (tokens and images), and one to spare.
    return 5 * hidden + max(_fed_forward(shape), _attended(shape))


def _fed_forward(shape: Architecture) -> int:
    """Gate, up and their product at once; of experts for each that is used, with its way down."""
    if shape.experts is None:
        return (3 if shape.gated else 1) * shape.feed_forward_size
    wide = shape.experts.feed_forward_size
    down = shape.hidden_size if shape.hidden_size > 2 * wide else 0
    return shape.experts.used * (3 * wide + down)


def _fed_forward_in_holes(shape: Architecture) -> int:
    """Where wide image rows leave holes that part of the feed-forward fits into."""
    if shape.experts is None:
        wide = shape.feed_forward_size
        return wide if wide <= 4 * shape.hidden_size else 3 * wide
    return shape.experts.used * (2 * shape.experts.feed_forward_size + shape.hidden_size)


def _attended(shape: Architecture) -> int:
    queries = max(shape.heads * group.head_dim for group in shape.attention)
    keys = max(group.kv_heads * group.head_dim for group in shape.attention)
    return max(2 * queries, queries + 2 * keys)


def projector_compute_bytes(setup: Setup) -> Estimate:
    """The vision tower's activations: as set aside at start, and as grown for the largest image."""
    vision = setup.model.vision
    assert vision is not None
    tokens = most_tokens_at_once(setup)
    per_token = most_patches(vision) // most_image_tokens(vision)
    if not isinstance(vision.image_tokens, AreaTokens):
        # Tiles are encoded one after another.
        at_start = tower_bytes(vision, (vision.image_size // vision.patch_size) ** 2)
        return Estimate(at_start, at_start, at_start * 1.2)
    at_start = tower_bytes(vision, min(_WARM_UP_TOKENS, tokens) * per_token)
    largest = tower_bytes(vision, tokens * per_token)
    # The rows handed over and the pixels wait beside the graph.
    waiting = tokens * vision.width * _F32
    return Estimate(largest + waiting, at_start, (largest + waiting) * 1.2)


def tower_bytes(vision: Vision, patches: int) -> float:
    """llama.cpp's compute buffer for so many patches, found as that of the language model was."""
    hidden, wide, pixels = vision.hidden_size, vision.feed_forward_size, 3 * vision.patch_size**2
    siglip = max(3 * hidden + wide, 5 * hidden)
    match vision.projector:
        case "mlp":
            floats = max(2 * vision.width + hidden + pixels, siglip) + 4
        case "qwen3vl_merger":
            floats = max(9 * hidden + pixels, 8 * hidden + vision.width // 8) + 4
        case "qwen2.5vl_merger":
            # Its window mask grows with the square of the patches.
            return patches * _F32 * (3 * wide + 2 * hidden + pixels + 4) + _F16 * patches**2
        case _:
            floats = siglip
    return patches * _F32 * floats


def most_tokens_at_once(setup: Setup) -> int:
    """Of the largest image, no more than the engine shrinks it to."""
    assert setup.model.vision is not None
    most = most_image_tokens(setup.model.vision)
    return min(most, setup.support.most_image_tokens or most)
