"""Bytes of weights as an engine holds them."""

from __future__ import annotations

from kanoa_mlops.catalog.types import Model, Quantization, Weights
from kanoa_mlops.planner.estimate import Estimate

# A GGUF file holds the vocabulary beside the tensors: words, scores, kinds and merges.
_VOCABULARY_BYTES = 34
# Where no size is published it follows from the shapes; mixtures of types differ a little by model.
_DERIVED_SPREAD = 0.03


def language_bytes(model: Model, weights: Weights, quantization: Quantization) -> Estimate:
    """Of the language model's tensors, vision left out, whole."""
    if weights.tensors is not None:
        return Estimate.exact(weights.tensors)
    published = _published(model, weights)
    if published is not None:
        return Estimate(published, published * 0.998, published * 1.002)
    return Estimate.around(derived_bytes(model, quantization), _DERIVED_SPREAD)


def vision_bytes(model: Model, weights: Weights, quantization: Quantization) -> Estimate:
    """Of the vision tower and its projector; nothing where these weights bring none."""
    if model.vision is None:
        return Estimate.exact(0)
    if weights.format == "gguf":
        size = weights.role_size("mmproj")
        if not weights.projects:
            return Estimate.exact(0)
        if size:
            return Estimate.exact(size)
    size = model.vision.parameters * quantization.bits.vision / 8
    return Estimate.around(size, 0.02)


def derived_bytes(model: Model, quantization: Quantization) -> float:
    """The language model's tensors, from shapes and bits a parameter."""
    bits, shape = quantization.bits, model.architecture
    output = 0 if shape.tied_embeddings else shape.embedding_parameters
    linear = linear_parameters(model)
    # A tied embedding is multiplied too, so llama.cpp stores it as it would an output head.
    embedding = max(bits.embedding, bits.output) if shape.tied_embeddings else bits.embedding
    return (
        linear * bits.linear
        + shape.expert_parameters * bits.experts
        + shape.embedding_parameters * embedding
        + output * bits.output
    ) / 8


def linear_parameters(model: Model) -> int:
    """Attention and dense feed-forward, norms included."""
    shape = model.architecture
    embeddings = shape.embedding_parameters * (1 if shape.tied_embeddings else 2)
    return model.text_parameters - shape.expert_parameters - embeddings


def embedding_bytes(model: Model, quantization: Quantization) -> float:
    """Of the token embedding, which llama.cpp leaves in the machine's memory."""
    bits = quantization.bits
    per_parameter = max(bits.embedding, bits.output) if model.architecture.tied_embeddings else bits.embedding
    return model.architecture.embedding_parameters * per_parameter / 8


def _published(model: Model, weights: Weights) -> float | None:
    """From a published size; None where that says nothing about what is held."""
    shape = model.architecture
    match weights.format:
        case "gguf":
            size = weights.role_size("model")
            return None if not size else size - _VOCABULARY_BYTES * shape.vocabulary
        case "safetensors":
            # Quantised while loading: the download is not what is held.
            return None
        case "ollama":
            return None
