"""How much memory vLLM holds on each card, line by line.

At start vLLM runs itself once at its limits: the vision tower on as many of the largest images as one
batch may hold, then a full batch of text, then the sampler on a row for every sequence. What of that is
alive at the same time is subtracted from its share of the card, and the rest becomes the cache. The
formulas follow `profile_run` and `kv_cache_utils` of the pinned version.
"""

from __future__ import annotations

from collections.abc import Iterator

from kanoa_mlops.planner.budget import CACHE, MemoryLine
from kanoa_mlops.planner.cache import VLLM_PAGE, VLLM_PAGE_CPU, vllm_cache_bytes
from kanoa_mlops.planner.estimate import NOTHING, Estimate, constant, of_constant
from kanoa_mlops.planner.images import most_image_tokens, most_patches
from kanoa_mlops.planner.setup import Setup
from kanoa_mlops.planner.weights import language_bytes, vision_bytes

_ACTIVATION_BYTES = 2


def vllm_lines(setup: Setup, requests: int) -> Iterator[MemoryLine]:
    """On one card.

    Args:
        requests: of full length that the cache must hold at once.
    """
    yield from _weight_lines(setup)
    if each := request_bytes(setup):
        yield MemoryLine(
            CACHE,
            Estimate.exact(requests * each),
            "device",
            "pages of vLLM's own rule for each attention group",
        )
    yield from _profile_lines(setup)


def request_bytes(setup: Setup) -> float:
    """What one request of full length takes of one card's cache."""
    page = VLLM_PAGE_CPU if setup.place == "cpu" else VLLM_PAGE
    whole = vllm_cache_bytes(setup.model, setup.context, setup.cache_type, in_flight(setup), page)
    return whole / _cache_shards(setup)


def in_flight(setup: Setup) -> int:
    """Tokens scheduled and not yet settled; a sliding window is kept beside them."""
    return int(setup.engine["concurrent_batches"]) * setup.batch


def _weight_lines(setup: Setup) -> Iterator[MemoryLine]:
    model, engine = setup.model, setup.engine
    language = language_bytes(model, setup.weights, setup.quantization)
    if repack := setup.quantization.repack:
        experts = model.architecture.expert_parameters * setup.quantization.bits.experts / 8
        language += of_constant(repack) * experts
    held = language * (1 / setup.gpus) * engine["weights_factor"]
    held += Estimate.exact(setup.support.extra_bytes)
    yield MemoryLine("weights", held, "device", "tensors in the format vLLM holds them in")
    if model.vision:
        tower = vision_bytes(model, setup.weights, setup.quantization)
        if setup.gpus > 1:
            # Embeddings, norms and heads that do not divide are repeated on every card.
            repeated = constant(engine, "tower_repeated")
            tower *= repeated.expected + (1 - repeated.expected) / setup.gpus
        yield MemoryLine("vision tower", tower, "device", "parameters of tower and projector in 16 bits")


def _profile_lines(setup: Setup) -> Iterator[MemoryLine]:
    engine, shape = setup.engine, setup.model.architecture
    cached = NOTHING
    if setup.model.vision and setup.images:
        cached = _encoder_outputs(setup)
        yield MemoryLine("encoder cache", cached, "device", "the largest images one batch may hold")
    rows = min(setup.sequences, setup.batch)
    sampler = NOTHING
    if setup.model.kind == "chat":
        sampler = constant(engine, "sampler_bytes") * (rows * shape.vocabulary)
    peak = max(_tower(setup), _text(setup), sampler, key=lambda each: each.expected)
    yield MemoryLine("activations", peak, "device", "the largest of tower, text batch and sampler at start")
    if not setup.eager and setup.place != "cpu":
        graphs = constant(engine, "graph_base") + constant(engine, "graph_per_sequence") * min(
            512, 2 * setup.sequences
        )
        yield MemoryLine("CUDA graphs", graphs, "device", "one recording a batch size")
    if setup.place == "cpu":
        yield MemoryLine("runtime", constant(engine, "runtime_cpu"), "device", "libraries of three processes")
        return
    runtime = constant(engine, "runtime")
    if setup.gpus > 1:
        runtime += constant(engine, "runtime_parallel")
    yield MemoryLine("runtime", runtime, "device", "driver context and libraries")


def _items(setup: Setup) -> int:
    """Largest images of one batch, as vLLM profiles them."""
    assert setup.model.vision is not None
    tokens = most_image_tokens(setup.model.vision)
    if not setup.model.vision.in_prompt:
        # Cross-attention: every sequence brings its images, whatever the batch.
        return setup.sequences * setup.images
    budget = max(setup.batch, tokens)
    return max(1, min(budget // tokens, setup.images_at_once))


def _encoder_outputs(setup: Setup) -> Estimate:
    vision = setup.model.vision
    assert vision is not None
    tokens = _items(setup) * most_image_tokens(vision)
    return Estimate.around(tokens * vision.width * _ACTIVATION_BYTES, 0.1)


def _tower(setup: Setup) -> Estimate:
    """Input, residual and both halves of a feed-forward of every patch."""
    vision = setup.model.vision
    if vision is None or not setup.images:
        return NOTHING
    patches = _items(setup) * most_patches(vision)
    width = 2 * vision.hidden_size + 2 * vision.feed_forward_size
    return Estimate.around(patches * width * _ACTIVATION_BYTES, 0.35)


def _text(setup: Setup) -> Estimate:
    shape = setup.model.architecture
    used = shape.experts.used if shape.experts else 1
    width = 4 * shape.hidden_size + 3 * used * shape.feed_forward_size / setup.gpus
    return Estimate.around(setup.batch * width * _ACTIVATION_BYTES, 0.35)


def _cache_shards(setup: Setup) -> int:
    """Cards that divide the heads of the cache; with fewer heads than cards they are repeated."""
    heads = min(group.kv_heads for group in setup.model.architecture.attention)
    return min(setup.gpus, heads)
