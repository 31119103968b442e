"""A model from the header of a GGUF file, and of the mmproj file that lets it see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from kanoa_mlops.catalog.foreign import mmproj as projector
from kanoa_mlops.catalog.foreign.facts import Facts
from kanoa_mlops.catalog.foreign.found import Found, build_model
from kanoa_mlops.catalog.foreign.ggml import FILE_TYPE_GUESSED, FILE_TYPES
from kanoa_mlops.catalog.foreign.gguf_header import GgufHeader
from kanoa_mlops.catalog.foreign.refusal import refusal
from kanoa_mlops.catalog.foreign.tables import Windows, architectures
from kanoa_mlops.catalog.load import read_entry
from kanoa_mlops.catalog.types import Model, Quantization, Weights

_FILE = "the GGUF file"
_FORMAT = "https://github.com/ggml-org/ggml/blob/master/docs/gguf.md"
# Facts that change what a model holds in memory. The architectures that are understood have none of them.
_TELLING = (
    "attention.indexer.top_k",
    "attention.key_length_swa",
    "attention.kv_lora_rank",
    "attention.shared_kv_layers",
    "altup.num_inputs",
    "decoder_block_count",
    "embedding_length_per_layer_input",
    "full_attention_interval",
    "leading_dense_block_count",
    "moe_every_n_layers",
    "nextn_predict_layers",
    "ssm.conv_kernel",
    "ssm.state_size",
    "wkv.head_size",
)


def model_from_gguf(
    header: GgufHeader,
    *,
    name: str,
    mmproj: GgufHeader | None = None,
    found: Found | None = None,
    weights: Sequence[Weights] = (),
    quantizations: Mapping[str, Quantization] | None = None,
) -> Model:
    """What a GGUF file says of its model.

    Args:
        name: 'org/name' or the name of a file; it becomes the title and the id.
        mmproj: without it the model is taken to read text alone.
        weights: where the files are; without them, `found.path` or the name.
        quantizations: those of the catalog; the shipped ones if they are not given.

    Raises:
        UnknownArchitecture: naming what is missing or not understood.
    """
    found = found or Found(_FORMAT)
    kind = header.metadata.get("general.architecture")
    if "clip.has_vision_encoder" in header.metadata:
        raise refusal(
            _FILE,
            "is a vision projector",
            hint="Give the model's own file; the projector is found beside it.",
        )
    windows = architectures().get(kind) if isinstance(kind, str) else None
    if not isinstance(kind, str) or windows is None:
        raise refusal(_FILE, f"general.architecture is {kind!r:.60}, which is not understood")
    facts = Facts(header, kind, _FILE, {})
    _refuse_strange(facts)
    architecture = _architecture(header, facts, kind, windows)
    sight = projector.vision(mmproj, architecture["hidden_size"]) if mmproj else None
    if sight:
        architecture["parameters"] += sight["parameters"]
    return build_model(
        {
            "inputs": ("text", "image") if sight else ("text",),
            "architecture": architecture,
            "vision": sight,
            "engines": {"llama.cpp": {"source": "files"}, "ollama": {"source": "files"}},
            "weights": tuple(weights) or (_weights(header, name, found, quantizations),),
        },
        name=name,
        found=found,
        notes=["parameters are the sum of its tensors' elements"],
    )


def quantization_of(header: GgufHeader, quantizations: Mapping[str, Quantization] | None = None) -> str:
    """The catalog's id of how the file is quantised.

    Raises:
        UnknownArchitecture: the file does not say, or the catalog has no such entry.
    """
    number = header.metadata.get("general.file_type")
    if not isinstance(number, int):
        raise refusal(_FILE, "general.file_type is missing")
    ggml = FILE_TYPES.get(number % FILE_TYPE_GUESSED, f"number {number}")
    entries = quantizations if quantizations is not None else _shipped_quantizations()
    candidates = [entry for entry in entries.values() if entry.ggml == ggml]
    if not candidates:
        raise refusal(_FILE, f"its file type {ggml} is not among the catalog's quantizations")
    # Some publishers keep the embedding of an otherwise equal file in more bits.
    bits = _embedding_bits(header)
    return min(candidates, key=lambda entry: (abs(entry.bits.embedding - bits), entry.id)).id


def fits_projector(header: GgufHeader, mmproj: GgufHeader) -> bool:
    """Whether a projector hands over as many numbers a token as this model takes."""
    width = header.metadata.get(f"{header.metadata.get('general.architecture')}.embedding_length")
    ends = (tensor for tensor in mmproj.tensors if tensor.name.startswith("mm."))
    return any(width in tensor.shape for tensor in ends)


def _refuse_strange(facts: Facts) -> None:
    for name in _TELLING:
        if facts.get(name):
            raise refusal(
                facts.where, f"has {name} = {facts.get(name)!r:.40}; what such layers keep is not understood"
            )


def _architecture(header: GgufHeader, facts: Facts, kind: str, windows: Windows) -> dict[str, Any]:
    embedding = header.tensor("token_embd.weight")
    if embedding is None or len(embedding.shape) != 2:
        raise refusal(_FILE, "the tensor token_embd.weight is missing")
    widths = set(facts.each_layer("feed_forward_length"))
    if len(widths) != 1:
        raise refusal(_FILE, "feed_forward_length differs from layer to layer, which is not understood")
    document: dict[str, Any] = {
        "name": kind,
        "hub_class": "",
        "parameters": header.elements(),
        "layers": facts.layers(),
        "hidden_size": facts.count("embedding_length"),
        "feed_forward_size": widths.pop(),
        "heads": facts.each_layer("attention.head_count")[0],
        "vocabulary": embedding.shape[1],
        "tied_embeddings": header.tensor("output.weight") is None,
        "dtype": _dtype(header),
        "context": f"{facts.count('context_length')} tokens",
        "attention": _attention(facts, windows),
        "source": "files",
    }
    if facts.get("expert_count"):
        width = facts.get("expert_feed_forward_length") or document["feed_forward_size"]
        document["experts"] = {
            "count": facts.count("expert_count"),
            "used": facts.count("expert_used_count"),
            "feed_forward_size": width,
        }
        document["feed_forward_size"] = width
    return document


def _attention(facts: Facts, windows: Windows) -> list[dict[str, Any]]:
    layers = facts.layers()
    heads = facts.each_layer("attention.head_count")
    kv_heads = facts.each_layer("attention.head_count_kv") if "attention.head_count_kv" in facts else heads
    window = facts.get("attention.sliding_window") or windows.window
    sliding = _sliding(facts, windows, layers) if window else (False,) * layers
    groups: list[dict[str, Any]] = []
    for (slides, each), count in sorted(Counter(zip(sliding, kv_heads, strict=True)).items(), reverse=True):
        if each == 0:
            raise refusal(
                facts.where, "some layers have no keys and values; what they keep is not understood"
            )
        group = {"kind": "full", "layers": count, "kv_heads": each, "head_dim": _head_dim(facts, heads[0])}
        groups.append(group | ({"kind": "sliding", "window": f"{window} tokens"} if slides else {}))
    return groups


def _sliding(facts: Facts, windows: Windows, layers: int) -> tuple[bool, ...]:
    """For each layer, whether it attends to the window alone."""
    if windows.period is None or windows.layers not in (None, layers):
        return (False,) * layers
    pattern = facts.get("attention.sliding_window_pattern")
    if isinstance(pattern, tuple):
        if len(pattern) != layers:
            raise refusal(facts.where, f"attention.sliding_window_pattern should tell of {layers} layers")
        return tuple(map(bool, pattern))
    period = int(facts.number("attention.sliding_window_pattern")) if pattern is not None else windows.period
    return tuple(period == 0 or layer % period < period - 1 for layer in range(layers))


def _head_dim(facts: Facts, heads: int) -> int:
    if "attention.key_length" not in facts:
        width = facts.count("embedding_length")
        if heads == 0 or width % heads:
            raise refusal(facts.where, "attention.key_length is missing")
        return width // heads
    keys = facts.count("attention.key_length")
    if facts.get("attention.value_length") not in (None, keys):
        raise refusal(facts.where, "keys and values differ in length, which is not understood")
    return keys


def _dtype(header: GgufHeader) -> str:
    """The file no longer tells in what the model was published; this is what its 16 or 32 bits are."""
    types = {tensor.type.name for tensor in header.tensors if len(tensor.shape) > 1}
    return "F32" if types == {"F32"} else "BF16" if "BF16" in types else "F16"


def _weights(
    header: GgufHeader, name: str, found: Found, quantizations: Mapping[str, Quantization] | None
) -> dict[str, Any]:
    quantization = quantization_of(header, quantizations)
    return {
        "name": quantization,
        "format": "gguf",
        "quantization": quantization,
        "local": [{"path": found.path or name, "size": f"{header.file_size} B"}],
        "tensors": f"{header.bytes()} B",
        "source": "files",
    }


def _embedding_bits(header: GgufHeader) -> float:
    count = header.elements("embedding")
    return header.bytes("embedding") * 8 / count if count else 0.0


@cache
def _shipped_quantizations() -> Mapping[str, Quantization]:
    folder = Path(str(resources.files("kanoa_mlops.catalog"))) / "data" / "quantizations"
    return {path.stem: read_entry(path, Quantization) for path in sorted(folder.glob("*.yaml"))}
