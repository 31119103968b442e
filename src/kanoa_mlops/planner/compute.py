"""llama.cpp's compute buffers: the memory its graph needs for one micro-batch.

Found by changing one dimension at a time on models without weights and reading what the engine sets aside
(bench/fit): with flash attention it depends neither on the number of layers nor on the vocabulary.
"""

from __future__ import annotations

from kanoa_mlops.catalog.types import Architecture, Model
from kanoa_mlops.planner.cache import llama_cells
from kanoa_mlops.planner.estimate import Estimate
from kanoa_mlops.planner.images import most_patches
from kanoa_mlops.planner.setup import Setup

_F32 = 4
_F16 = 2


_INPUT_BYTES = 41
"""Of one token beside its activations: position, row numbers, output marks."""


def compute_bytes(setup: Setup) -> Estimate:
    """Activations and masks of one micro-batch, and the logits of each sequence's last token."""
    model = setup.model
    batch = min(setup.batch, setup.context * setup.sequences)
    activations = batch * (_floats(model) * _F32 + _INPUT_BYTES)
    masks = batch * _F16 * sum(_mask_cells(setup))
    logits = setup.sequences * model.architecture.vocabulary * _F32
    # Measured on processors; other devices lay out the same graph with paddings of their own.
    total = activations + masks + logits + _rotations(setup) + _scores(setup, batch)
    return Estimate.around(total, 0.02 if setup.place == "cpu" else 0.25)


def _scores(setup: Setup, batch: int) -> int:
    """Without flash attention: every head's scores, before and after the softmax."""
    if setup.flash:
        return 0
    return 2 * batch * setup.model.architecture.heads * max(_mask_cells(setup)) * _F32


def _rotations(setup: Setup) -> int:
    """Matrices that spread outliers before keys and values are quantised, for each kind of attention."""
    if setup.cache_type == "f16":
        return 0
    kinds = {(group.kind, group.head_dim) for group in setup.model.architecture.attention}
    return sum(_F32 * (head_dim**2 + 64**2) for _, head_dim in kinds)


def _mask_cells(setup: Setup) -> set[int]:
    """One mask for each kind of attention, as long as one stream's cache."""
    groups = setup.model.architecture.attention
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
        return 3 * shape.feed_forward_size
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
    """The vision tower's activations for its largest image."""
    vision = setup.model.vision
    assert vision is not None
    patches = most_patches(vision)
    width = 2 * vision.hidden_size + 2 * vision.feed_forward_size
    return Estimate.around(patches * width * _F32, 0.5)
