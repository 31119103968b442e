"""Which type llama.cpp gives each tensor of a file: its own rules, from src/llama-quant.cpp.

https://github.com/ggml-org/llama.cpp/blob/master/src/llama-quant.cpp, read 2026-11-25. Only the file types in
the catalog are covered, made without an importance matrix. Types go by ggml's names: 'Q4_K', 'F16'.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, LlamaFileType

from bench.fit.tensors import Tensor
from kanoa_mlops.catalog.types import Quantization

_BASE = {
    "F32": "F32",
    "F16": "F16",
    "BF16": "BF16",
    "Q4_0": "Q4_0",
    "Q4_1": "Q4_1",
    "Q8_0": "Q8_0",
    "Q4_K_M": "Q4_K",
    "Q5_K_M": "Q5_K",
    "Q6_K": "Q6_K",
    "MXFP4_MOE": "MXFP4",
}
_UNQUANTIZED = ("F32", "F16", "BF16")
_MIXED = ("Q4_K_M", "Q5_K_M")
_FALLBACK = {"Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0"}
_EMBEDDING = "token_embd.weight"
_OUTPUT = "output.weight"
_HALF_BITS = 16


@dataclass(frozen=True)
class TypedTensor:
    name: str
    shape: tuple[int, ...]
    type: str

    @property
    def bytes(self) -> int:
        values, size = _block(self.type)
        return math.prod(self.shape) // values * size


@dataclass(frozen=True)
class FileType:
    """A llama.cpp file type, by the name its quantiser takes."""

    name: str
    embedding: str | None = None
    """Given to the quantiser with --token-embedding-type."""

    @property
    def number(self) -> int:
        """`general.file_type`."""
        return int(LlamaFileType[f"{'ALL' if self.name == 'F32' else 'MOSTLY'}_{self.name}"])

    def assign(self, tensors: Iterable[Tensor]) -> list[TypedTensor]:
        """Every tensor with its type. KeyError for a file type that is not covered."""
        listed = list(tensors)
        return [TypedTensor(each.name, each.shape, self._type(each, listed)) for each in listed]

    def _type(self, tensor: Tensor, every: Sequence[Tensor]) -> str:
        if not _quantizes(tensor):
            return "F32"
        if self.name in _UNQUANTIZED:
            return _BASE[self.name]
        if tensor.name == _EMBEDDING and self.embedding is not None:
            return self.embedding
        return _fitting(tensor, self._wanted(tensor, every))

    def _wanted(self, tensor: Tensor, every: Sequence[Tensor]) -> str:
        base = _BASE[self.name]
        tied = all(each.name != _OUTPUT for each in every)
        if tensor.name == _OUTPUT or (tied and tensor.name == _EMBEDDING):
            return _output_type(tensor, base)
        if self.name == "MXFP4_MOE":
            return base if len(tensor.shape) > 2 else "Q8_0"
        if self.name in _MIXED and _more_bits(tensor, every):
            return "Q6_K"
        return base


def file_type(quantization: Quantization) -> FileType:
    """llama.cpp's; some publishers keep the embedding of a 4-bit file in 16 bits."""
    if quantization.ggml is None:
        raise KeyError(f"{quantization.id} is not a GGUF file type")
    half = quantization.bits.embedding == _HALF_BITS and quantization.bits.linear < _HALF_BITS
    return FileType(quantization.ggml, "F16" if half else None)


def _quantizes(tensor: Tensor) -> bool:
    return (
        len(tensor.shape) > 1
        and tensor.name.endswith("weight")
        and "_norm.weight" not in tensor.name
        and "ffn_gate_inp" not in tensor.name
    )


def _output_type(tensor: Tensor, base: str) -> str:
    return "Q8_0" if base in ("MXFP4", "Q8_0") or not _divides(tensor, base) else "Q6_K"


def _more_bits(tensor: Tensor, every: Sequence[Tensor]) -> bool:
    """Attention values and feed-forward outputs of the first and last eighth, and of every third between."""
    found = re.fullmatch(r"blk\.(\d+)\.(attn_v|ffn_down|ffn_down_exps)\.weight", tensor.name)
    if found is None:
        return False
    layer = int(found[1])
    layers = sum(each.name.endswith(f".{found[2]}.weight") for each in every)
    return layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2


def _fitting(tensor: Tensor, wanted: str) -> str:
    """A type whose blocks divide the row: 256 values for K-quants, else 32, else F16."""
    for each in (wanted, _FALLBACK.get(wanted, wanted)):
        if _divides(tensor, each):
            return each
    return "F16"


def _divides(tensor: Tensor, kind: str) -> bool:
    return tensor.shape[0] % _block(kind)[0] == 0


def _block(kind: str) -> tuple[int, int]:
    """Values in one block, and its bytes."""
    values, size = GGML_QUANT_SIZES[GGMLQuantizationType[kind]]
    return int(values), int(size)
