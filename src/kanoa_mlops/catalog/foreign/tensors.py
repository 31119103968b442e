"""What the headers of safetensors files tell of a checkpoint. https://huggingface.co/docs/safetensors"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from kanoa_mlops.catalog.foreign.refusal import refusal

LONGEST_HEADER = 100_000_000
"""Bytes; the format's own limit."""
_BITS = {
    "F64": 64,
    "I64": 64,
    "U64": 64,
    "F32": 32,
    "I32": 32,
    "U32": 32,
    "F16": 16,
    "BF16": 16,
    "I16": 16,
    "U16": 16,
    "I8": 8,
    "U8": 8,
    "BOOL": 8,
    "F8_E4M3": 8,
    "F8_E5M2": 8,
    "F8_E8M0": 8,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "F4": 4,
}
_VISION = re.compile(
    r"(^|\.)(vision_\w+|visual|image_\w+|multi_modal_projector|mm_projector|connector|mlp1|patch_merger"
    r"|vision_language_adapter|pre_mm_projector_norm)(\.|$)"
)
_OUTPUT = re.compile(r"(^|\.)(lm_head|output|ff_out)\.(weight|qweight|bias)$")
_LAYER = re.compile(r"\.\d+\.")
# Not parameters: positions that old checkpoints store beside them.
_BUFFER = re.compile(r"(rotary_emb\.inv_freq|position_ids|masked_bias|attn\.bias)$")
Part = Literal["language", "output", "vision", "buffer"]


@dataclass(frozen=True)
class StoredTensor:
    name: str
    dtype: str
    """As safetensors calls it: 'BF16'."""
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        return -(-self.elements * _BITS[self.dtype] // 8)

    @property
    def part(self) -> Part:
        if _BUFFER.search(self.name):
            return "buffer"
        if _VISION.search(self.name):
            return "vision"
        # Within a numbered layer the same names mean other things.
        return "output" if _OUTPUT.search(self.name) and not _LAYER.search(self.name) else "language"


@dataclass(frozen=True)
class SafetensorsFacts:
    """Of all files of a checkpoint together."""

    size: int
    """Bytes of all tensors."""
    tensors: tuple[StoredTensor, ...] = ()
    """Empty where only the total is known."""

    def elements(self, *parts: Part) -> int:
        return sum(tensor.elements for tensor in self.tensors if tensor.part in parts)

    def bytes(self, *parts: Part) -> int:
        return sum(tensor.bytes for tensor in self.tensors if tensor.part in parts)

    @property
    def dtype(self) -> str | None:
        """That of most bytes."""
        sizes: dict[str, int] = {}
        for tensor in self.tensors:
            sizes[tensor.dtype] = sizes.get(tensor.dtype, 0) + tensor.bytes
        return max(sizes, key=lambda dtype: sizes[dtype], default=None)


def join_headers(headers: Iterable[tuple[StoredTensor, ...]]) -> SafetensorsFacts:
    tensors = tuple(tensor for header in headers for tensor in header)
    return SafetensorsFacts(sum(tensor.bytes for tensor in tensors), tensors)


def header_length(start: bytes, where: str) -> int:
    """Of the header that follows the first 8 bytes of a file.

    Raises:
        UnknownArchitecture: it is no safetensors file.
    """
    length = int.from_bytes(start, "little")
    if len(start) != 8 or not 2 <= length <= LONGEST_HEADER:
        raise refusal(where, "is no safetensors file", hint="It may be cut short; download it again.")
    return length


def read_header(header: bytes, where: str) -> tuple[StoredTensor, ...]:
    """The tensors a header lists.

    Raises:
        UnknownArchitecture: it is none, or its numbers contradict one another.
    """
    try:
        document = json.loads(header)
        tensors = [_tensor(name, facts) for name, facts in document.items() if name != "__metadata__"]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise refusal(where, "its header is not that of a safetensors file") from error
    return tuple(tensors)


def _tensor(name: str, facts: dict[str, Any]) -> StoredTensor:
    dtype, shape = facts["dtype"], tuple(facts["shape"])
    if dtype not in _BITS or not all(isinstance(side, int) and 0 <= side < 2**48 for side in shape):
        raise ValueError(f"{name}: {dtype} {shape}")
    tensor = StoredTensor(name, dtype, shape)
    start, end = facts["data_offsets"]
    if end - start != tensor.bytes:
        raise ValueError(f"{name}: {end - start} bytes")
    return tensor
