"""Bytes of weights as an engine holds them."""

from __future__ import annotations

from kanoa_mlops.catalog.types import Model, Quantization, Weights
from kanoa_mlops.planner.estimate import Estimate

# A GGUF file holds the vocabulary beside the tensors: words, scores, kinds and merges.
_VOCABULARY_BYTES = 34
# Where no size is published it follows from the shapes; mixtures of types differ a little by model.
_DERIVED_SPREAD = 0.03
_TAG_SPREAD = 0.02
"""Ollama lists its tags with two digits."""


def language_bytes(model: Model, weights: Weights, quantization: Quantization) -> Estimate:
    """Of the language model's tensors, vision left out, whole."""
    if weights.tensors is not None:
        return Estimate.exact(weights.tensors)
    published = _published(model, weights, quantization)
    if published is not None:
        spread = _TAG_SPREAD if weights.tag else 0.002
        return Estimate.around(published, spread)
    bits = quantization.bits
    uniform = bits.linear == bits.experts == bits.embedding == bits.output
    return Estimate.around(derived_bytes(model, quantization), 0.002 if uniform else _DERIVED_SPREAD)


def vision_bytes(model: Model, weights: Weights, quantization: Quantization) -> Estimate:
    """Of the vision tower and its projector; nothing where these weights bring none."""
    if model.vision is None:
        return Estimate.exact(0)
    if weights.format == "gguf":
        if not weights.projects:
            return Estimate.exact(0)
        if published := weights.role_size("mmproj"):
            return Estimate.exact(published)
    return Estimate.around(model.vision.parameters * quantization.bits.vision / 8, 0.02)


def derived_bytes(model: Model, quantization: Quantization) -> float:
    """The language model's tensors, from shapes and bits a parameter."""
    shape = model.architecture
    bits = quantization.bits_for(shape.hidden_size)
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


def _published(model: Model, weights: Weights, quantization: Quantization) -> float | None:
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
            # The tag's layers hold the vision tower too.
            tower = model.vision.parameters * quantization.bits.vision / 8 if model.vision else 0
            return None if weights.tag_size is None else weights.tag_size - tower
