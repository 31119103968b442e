"""Configurations and headers to read."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gguf import GGMLQuantizationType, GGUFEndian, GGUFWriter

CONFIGS = Path(__file__).parents[2] / "fixtures" / "configs"
Shape = Sequence[int]


def config(name: str) -> dict[str, Any]:
    """A copy of a published configuration, to be changed at will."""
    document: dict[str, Any] = json.loads((CONFIGS / f"{name}.json").read_text(encoding="utf-8"))
    return document


def llama(**changes: Any) -> dict[str, Any]:
    """A small language model without surprises; a change to None removes the key."""
    values = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 2048,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "vocab_size": 1000,
    } | changes
    return {key: value for key, value in values.items() if value is not None}


def llama_tensors(dtype: str = "BF16", *, head: bool = True) -> dict[str, tuple[str, Shape]]:
    """The tensors of `llama()`."""
    shapes: dict[str, Shape] = {"model.embed_tokens.weight": (1000, 64), "model.norm.weight": (64,)}
    for layer in range(4):
        shapes |= {
            f"model.layers.{layer}.{name}.weight": shape
            for name, shape in {
                "self_attn.q_proj": (64, 64),
                "self_attn.k_proj": (32, 64),
                "self_attn.v_proj": (32, 64),
                "self_attn.o_proj": (64, 64),
                "mlp.gate_proj": (128, 64),
                "mlp.up_proj": (128, 64),
                "mlp.down_proj": (64, 128),
                "input_layernorm": (64,),
                "post_attention_layernorm": (64,),
            }.items()
        }
    if head:
        shapes["lm_head.weight"] = (1000, 64)
    return {name: (dtype, shape) for name, shape in shapes.items()}


LLAMA_PARAMETERS = 1000 * 64 * 2 + 64 + 4 * (2 * 64 * 64 + 2 * 32 * 64 + 3 * 64 * 128 + 2 * 64)
_BYTES = {"BF16": 2, "F16": 2, "F32": 4, "I32": 4, "U8": 1, "I64": 8}


def safetensors(tensors: Mapping[str, tuple[str, Shape]], *, data: bool = True) -> bytes:
    """A file with these tensors, all zero; without data it ends with its header."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, (dtype, shape) in tensors.items():
        start, count = end, 1
        for side in shape:
            count *= side
        end += count * _BYTES[dtype]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + (bytes(end) if data else b"")


def gguf_file(
    path: Path,
    architecture: str,
    facts: Mapping[str, Any],
    tensors: Mapping[str, tuple[Shape, str]],
    *,
    big_endian: bool = False,
) -> Path:
    """Written by the reference implementation, tensors all zero; shapes are rows first, as numpy's."""
    writer = GGUFWriter(None, architecture, endianess=GGUFEndian.BIG if big_endian else GGUFEndian.LITTLE)
    for key, value in facts.items():
        name = (
            key if key.startswith(("general.", "tokenizer.", "split.", "clip.")) else f"{architecture}.{key}"
        )
        match value:
            case bool():
                writer.add_bool(name, value)
            case int():
                writer.add_uint32(name, value)
            case float():
                writer.add_float32(name, value)
            case str():
                writer.add_string(name, value)
            case _:
                writer.add_array(name, value)
    size = 0
    for name, (shape, kind) in tensors.items():
        quantization = GGMLQuantizationType[kind]
        size_of = _tensor_bytes(shape, quantization)
        writer.add_tensor_info(name, list(shape), None, size_of, quantization)
        size += GGUFWriter.ggml_pad(size_of, writer.data_alignment)
    writer.write_header_to_file(path)
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    with path.open("r+b") as file:
        start = GGUFWriter.ggml_pad(file.seek(0, io.SEEK_END), writer.data_alignment)
        file.truncate(start + size)
    return path


def _tensor_bytes(shape: Shape, kind: GGMLQuantizationType) -> int:
    from gguf import GGML_QUANT_SIZES

    block, size = GGML_QUANT_SIZES[kind]
    count = 1
    for side in shape:
        count *= side
    return int(count // block * size)


GGUF_FACTS: dict[str, Any] = {
    "general.file_type": 1,
    "context_length": 2048,
    "embedding_length": 64,
    "block_count": 4,
    "feed_forward_length": 128,
    "attention.head_count": 4,
    "attention.head_count_kv": 2,
    "tokenizer.ggml.tokens": [f"<{number}>" for number in range(1000)],
    "tokenizer.chat_template": "{{ messages }}",
}


def gguf_tensors(kind: str = "F16", *, layers: int = 4, head: bool = True) -> dict[str, tuple[Shape, str]]:
    tensors: dict[str, tuple[Shape, str]] = {"token_embd.weight": ((1000, 64), kind)}
    for layer in range(layers):
        tensors |= {
            f"blk.{layer}.attn_q.weight": ((64, 64), kind),
            f"blk.{layer}.attn_k.weight": ((32, 64), kind),
            f"blk.{layer}.attn_v.weight": ((32, 64), kind),
            f"blk.{layer}.attn_output.weight": ((64, 64), kind),
            f"blk.{layer}.ffn_gate.weight": ((128, 64), kind),
            f"blk.{layer}.ffn_up.weight": ((128, 64), kind),
            f"blk.{layer}.ffn_down.weight": ((64, 128), kind),
            f"blk.{layer}.attn_norm.weight": ((64,), "F32"),
            f"blk.{layer}.ffn_norm.weight": ((64,), "F32"),
        }
    tensors["output_norm.weight"] = ((64,), "F32")
    if head:
        tensors["output.weight"] = ((1000, 64), kind)
    return tensors


MMPROJ_FACTS: dict[str, Any] = {
    "general.type": "mmproj",
    "general.file_type": 1,
    "clip.has_vision_encoder": True,
    "clip.projector_type": "gemma3",
    "clip.vision.image_size": 224,
    "clip.vision.patch_size": 14,
    "clip.vision.embedding_length": 32,
    "clip.vision.feed_forward_length": 64,
    "clip.vision.block_count": 2,
    "clip.vision.projection_dim": 64,
    "clip.vision.attention.head_count": 2,
}
MMPROJ_TENSORS: dict[str, tuple[Shape, str]] = {
    "v.patch_embd.weight": ((32, 3, 14, 14), "F16"),
    "v.blk.0.attn_q.weight": ((32, 32), "F16"),
    "mm.input_projection.weight": ((64, 32), "F16"),
}
