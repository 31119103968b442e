"""GGUF files with a complete header and a hole where the weights would be.

llama.cpp maps them, sizes its buffers and says what it allocates, as for the real file; they take a few MB of
disk. What such a model would answer is noise.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gguf import GGMLQuantizationType, GGUFWriter

from bench.fit.quantize import FileType, TypedTensor
from bench.fit.tensors import LAYOUTS, language_tensors, layer_groups
from bench.fit.tokenizer import Tokenizer
from kanoa_mlops.catalog.types import Architecture, Model


def write_sparse_gguf(model: Model, kind: FileType, tokenizer: Tokenizer, path: Path) -> int:
    """Write the language model; return the bytes of its tensors. KeyError for an unknown architecture."""
    architecture = model.architecture
    tensors = kind.assign(language_tensors(architecture))
    writer = GGUFWriter(None, architecture.name)
    writer.add_name(model.title)
    writer.add_file_type(kind.number)
    _shape(writer, architecture, deepstack_levels(model))
    tokenizer.write(writer, architecture.vocabulary)
    write_hole(writer, tensors, path)
    return sum(tensor.bytes for tensor in tensors)


def deepstack_levels(model: Model) -> int:
    """Layers that get a share of the image of their own, beside its place in the prompt."""
    return model.vision.width // model.architecture.hidden_size - 1 if model.vision else 0


def write_hole(writer: GGUFWriter, tensors: Iterable[TypedTensor], path: Path) -> None:
    """Write the header with these tensors, then a hole of their size."""
    size = 0
    for tensor in tensors:
        # The writer counts rows first; with a type of its own, its dtype argument is not read.
        kind = GGMLQuantizationType[tensor.type]
        writer.add_tensor_info(tensor.name, tensor.shape[::-1], None, tensor.bytes, kind)
        size += GGUFWriter.ggml_pad(tensor.bytes, writer.data_alignment)
    writer.write_header_to_file(path)
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    with path.open("r+b") as file:
        header = file.seek(0, 2)
        file.truncate(GGUFWriter.ggml_pad(header, writer.data_alignment) + size)


def _shape(writer: GGUFWriter, architecture: Architecture, deepstack: int) -> None:
    groups = layer_groups(architecture)
    head = groups[0].head_dim
    writer.add_context_length(architecture.context)
    writer.add_embedding_length(architecture.hidden_size)
    writer.add_block_count(architecture.layers)
    writer.add_feed_forward_length(architecture.feed_forward_size)
    writer.add_head_count(architecture.heads)
    writer.add_head_count_kv(groups[0].kv_heads)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_vocab_size(architecture.vocabulary)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1e6)
    writer.add_rope_dimension_count(head)
    _windows(writer, architecture)
    if architecture.experts is not None:
        writer.add_expert_count(architecture.experts.count)
        writer.add_expert_used_count(architecture.experts.used)
        writer.add_expert_feed_forward_length(architecture.experts.feed_forward_size)
    if LAYOUTS[architecture.name].rotary_sections:
        half = head // 2
        writer.add_rope_dimension_sections([half - 2 * (half // 3), half // 3, half // 3, 0])
    if deepstack:
        writer.add_num_deepstack_layers(deepstack)


def _windows(writer: GGUFWriter, architecture: Architecture) -> None:
    windows = {group.window for group in architecture.attention if group.window is not None}
    if windows:
        writer.add_sliding_window(max(windows))
