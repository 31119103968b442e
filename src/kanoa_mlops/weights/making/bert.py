"""A BERT of sentence-transformers, published as safetensors with its WordPiece vocabulary, as a GGUF file.

The names and what stands in the header are those that llama.cpp's converter gives such a model
(https://github.com/ggml-org/llama.cpp/blob/b11549/convert_hf_to_gguf.py, BertModel).
"""

from __future__ import annotations

import json
import re
import sys
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kanoa_mlops.errors import SourceFailed
from kanoa_mlops.weights.making.gguf_file import StoredTensor, Value, gguf_pieces
from kanoa_mlops.weights.making.q8_0 import quantized

_POOLING = {"pooling_mode_mean_tokens": 1, "pooling_mode_cls_token": 2}
_Q8_0_FILE = 7
_WHOLE = {
    "embeddings.word_embeddings.weight": "token_embd.weight",
    "embeddings.position_embeddings.weight": "position_embd.weight",
    "embeddings.token_type_embeddings.weight": "token_types.weight",
    "embeddings.LayerNorm": "token_embd_norm",
}
_LAYER = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}
_IN_LAYER = re.compile(r"encoder\.layer\.(\d+)\.(.+)\.(weight|bias)")
# Positions are counted by the engine, and the pooler is for another task.
_LEFT_OUT = re.compile(r"embeddings\.position_ids|pooler\..+")
_KEPT_WHOLE = ("position_embd.weight", "token_types.weight")
"""Few, and added to every token."""
_NORMAL, _CONTROL = 1, 3
_WORD_BEGINS = "\u2581"


@dataclass(frozen=True)
class Ingredients:
    """Files of the checkpoint."""

    config: bytes
    pooling: bytes
    vocabulary: bytes
    tensors: bytes


def bert_q8_0(name: str, given: Ingredients, told: Callable[[int], None]) -> Iterator[bytes]:
    """The file, piece by piece.

    Args:
        name: of the model, as the file tells it.
        told: of bytes of the tensors that are done.

    Raises:
        SourceFailed: the files are not those of such a model.
    """
    try:
        config = json.loads(given.config)
        words = given.vocabulary.decode().splitlines()
        metadata = {"general.architecture": "bert", "general.name": name}
        header = {**metadata, **_shape(config, json.loads(given.pooling)), **_tokenizer(config, words)}
        tensors = [_stored(each, *tensor, told) for each, tensor in _tensors(given.tensors).items()]
    except (ValueError, LookupError, TypeError) as error:
        raise SourceFailed("is not the BERT it was taken for") from error
    return gguf_pieces(header, tensors)


def _shape(config: Mapping[str, Any], pooling: Mapping[str, Any]) -> dict[str, Value]:
    [kind] = [number for key, number in _POOLING.items() if pooling[key]]
    return {
        "general.file_type": _Q8_0_FILE,
        "bert.context_length": config["max_position_embeddings"],
        "bert.embedding_length": config["hidden_size"],
        "bert.feed_forward_length": config["intermediate_size"],
        "bert.block_count": config["num_hidden_layers"],
        "bert.attention.head_count": config["num_attention_heads"],
        "bert.attention.layer_norm_epsilon": float(config["layer_norm_eps"]),
        "bert.attention.causal": False,
        "bert.pooling_type": kind,
    }


def _tokenizer(config: Mapping[str, Any], words: list[str]) -> dict[str, Value]:
    if len(words) != config["vocab_size"]:
        raise ValueError("as many words as rows of the embedding are needed")
    ids = {word: number for number, word in enumerate(words)}
    special = {
        "bos": "[CLS]",
        "eos": "[SEP]",
        "unknown": "[UNK]",
        "seperator": "[SEP]",  # so spelled by llama.cpp
        "padding": "[PAD]",
        "mask": "[MASK]",
    }
    return {
        "tokenizer.ggml.model": "bert",
        "tokenizer.ggml.pre": "default",
        "tokenizer.ggml.token_type_count": config["type_vocab_size"],
        "tokenizer.ggml.tokens": [_spelled(word) for word in words],
        "tokenizer.ggml.token_type": [_CONTROL if word in special.values() else _NORMAL for word in words],
        **{f"tokenizer.ggml.{what}_token_id": ids[word] for what, word in special.items()},
    }


def _spelled(word: str) -> str:
    """llama.cpp marks where a word begins, WordPiece where it goes on."""
    if word.startswith("[") and word.endswith("]"):
        return word
    return word.removeprefix("##") if word.startswith("##") else _WORD_BEGINS + word


def _tensors(raw: bytes) -> dict[str, tuple[tuple[int, ...], array[float]]]:
    """llama.cpp's name -> shape, weights."""
    length = int.from_bytes(raw[:8], "little")
    listed = json.loads(raw[8 : 8 + length])
    data = memoryview(raw)[8 + length :]
    found = {}
    for name, about in sorted(listed.items()):
        if name == "__metadata__" or _LEFT_OUT.fullmatch(name):
            continue
        if about["dtype"] != "F32":
            raise ValueError(f"{name} is {about['dtype']}")
        begin, end = about["data_offsets"]
        weights = array("f", bytes(data[begin:end]))
        if sys.byteorder == "big":
            weights.byteswap()
        found[_named(name)] = tuple(about["shape"]), weights
    return found


def _named(name: str) -> str:
    if match := _IN_LAYER.fullmatch(name):
        return f"blk.{match[1]}.{_LAYER[match[2]]}.{match[3]}"
    if name in _WHOLE:
        return _WHOLE[name]
    part, _, kind = name.rpartition(".")
    return f"{_WHOLE[part]}.{kind}"


def _stored(
    name: str, shape: tuple[int, ...], weights: array[float], told: Callable[[int], None]
) -> StoredTensor:
    if len(shape) == 2 and name not in _KEPT_WHOLE:
        return StoredTensor(name, shape, "Q8_0", quantized(weights, told))
    told(len(weights) * weights.itemsize)
    if sys.byteorder == "big":
        weights.byteswap()
    return StoredTensor(name, shape, "F32", weights.tobytes())
