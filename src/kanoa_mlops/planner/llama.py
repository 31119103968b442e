"""How much memory llama.cpp (and Ollama, which runs it) holds, line by line."""

from __future__ import annotations

from collections.abc import Iterator

from kanoa_mlops.catalog.types import Kind
from kanoa_mlops.planner.budget import CACHE, MemoryLine, Where
from kanoa_mlops.planner.cache import llama_cache_bytes
from kanoa_mlops.planner.compute import compute_bytes, projector_compute_bytes
from kanoa_mlops.planner.estimate import Estimate, constant
from kanoa_mlops.planner.setup import Setup
from kanoa_mlops.planner.weights import embedding_bytes, language_bytes, vision_bytes

PROMPT_CACHE_BYTES = 256 * 2**20
"""Prompts llama.cpp keeps beside its slots, to be taken up again; its own default is 8 GiB."""


def llama_lines(setup: Setup) -> Iterator[MemoryLine]:
    """Everything, divided between device and host where a card has memory of its own."""
    yield from _weight_lines(setup)
    cache = llama_cache(setup)
    share = _layer_share(setup)
    why = "every slot's whole context, set aside at start"
    if cache.expected:
        yield MemoryLine(CACHE, cache * (share / setup.gpus), "device", why)
    if cache.expected and share < 1:
        yield MemoryLine(f"{CACHE} of the rest", cache * (1 - share), "host", why)
    compute = compute_bytes(setup)
    yield MemoryLine("compute buffer", compute, "device", "the graph of one micro-batch")
    if setup.model.vision and setup.images:
        yield from _vision_lines(setup)
    host: Where = "host" if setup.place == "gpu" else "device"
    if kept := prompt_cache_bytes(setup.model.kind):
        yield MemoryLine(
            "prompt cache", Estimate(kept, 0, kept), host, "fills with use, up to where we limit it"
        )
    if setup.place == "gpu":
        yield MemoryLine("runtime", constant(setup.engine, "gpu_runtime"), "device", "driver context")
    yield MemoryLine("process", constant(setup.engine, "process"), host, "code, vocabulary and HTTP server")


def prompt_cache_bytes(kind: Kind) -> int:
    """None where no prompt is ever continued."""
    return PROMPT_CACHE_BYTES if kind == "chat" else 0


def llama_cache(setup: Setup) -> Estimate:
    """Keys and values of all slots."""
    return Estimate.exact(
        llama_cache_bytes(setup.model, setup.context, setup.sequences, setup.cache_type, setup.batch)
    )


def _weight_lines(setup: Setup) -> Iterator[MemoryLine]:
    whole = language_bytes(setup.model, setup.weights, setup.quantization)
    why = "tensors of the file"
    if setup.place != "gpu":
        yield MemoryLine("weights", whole, "device", why)
        return
    embedding = embedding_bytes(setup.model, setup.quantization)
    tied = setup.model.architecture.tied_embeddings
    layers = whole + Estimate.exact(-(embedding if tied else 2 * embedding))
    head = Estimate.exact(embedding)
    share = _weight_share(setup, layers)
    yield MemoryLine("weights", (layers * share + head) * (1 / setup.gpus), "device", why)
    if share < 1:
        yield MemoryLine("weights of the rest", layers * (1 - share), "host", why)
    # Looked up, not multiplied, so llama.cpp leaves it in the machine's memory (twice, where it is tied).
    yield MemoryLine("token embedding", head, "host", "left beside the processor")


def _vision_lines(setup: Setup) -> Iterator[MemoryLine]:
    projector = vision_bytes(setup.model, setup.weights, setup.quantization)
    if projector.expected:
        yield MemoryLine("vision projector", projector, "device", "the mmproj file")
        yield MemoryLine(
            "vision compute",
            projector_compute_bytes(setup),
            "device",
            "the tower's graph at its largest image",
        )


def _weight_share(setup: Setup, layers: Estimate) -> float:
    """Of the layers' bytes, those on the device."""
    shape = setup.model.architecture
    share = _layer_share(setup)
    if setup.host_experts:
        experts = shape.expert_parameters * setup.quantization.bits.experts / 8
        share -= experts / layers.expected * setup.host_experts / shape.layers
    return max(0.0, share)


def _layer_share(setup: Setup) -> float:
    if setup.resident_layers is None:
        return 1.0
    return setup.resident_layers / setup.model.architecture.layers
