"""Writing a GGUF file, as https://github.com/ggml-org/ggml/blob/master/docs/gguf.md says (version 3).

By hand, and not by the `gguf` package: the file's checksum is in the catalog, and a library that one day
orders its keys otherwise would make another file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

_VERSION = 3
_ALIGNMENT = 32
_KINDS = {"uint32": 4, "int32": 5, "float32": 6, "bool": 7, "string": 8, "array": 9}
_TENSOR_KINDS = {"F32": 0, "Q8_0": 8}

TensorKind = Literal["F32", "Q8_0"]
Value = bool | int | float | str | Sequence[str] | Sequence[int]
"""Whole numbers are written with 32 bits, those of a list with a sign."""


@dataclass(frozen=True)
class StoredTensor:
    name: str
    shape: tuple[int, ...]
    """Rows first, as in PyTorch."""
    kind: TensorKind
    data: bytes


def gguf_pieces(metadata: Mapping[str, Value], tensors: Sequence[StoredTensor]) -> Iterator[bytes]:
    """The file, piece by piece, in the order that is given."""
    head = bytearray(b"GGUF")
    head += struct.pack("<IQQ", _VERSION, len(tensors), len(metadata))
    for key, value in metadata.items():
        head += _string(key) + _value(value)
    offset = 0
    for tensor in tensors:
        dimensions = tensor.shape[::-1]
        head += _string(tensor.name)
        head += struct.pack(f"<I{len(dimensions)}Q", len(dimensions), *dimensions)
        head += struct.pack("<IQ", _TENSOR_KINDS[tensor.kind], offset)
        offset += len(tensor.data) + _gap(len(tensor.data))
    yield bytes(head) + b"\0" * _gap(len(head))
    for tensor in tensors:
        yield tensor.data + b"\0" * _gap(len(tensor.data))


def _gap(size: int) -> int:
    return -size % _ALIGNMENT


def _value(value: Value) -> bytes:
    match value:
        case bool():
            return struct.pack("<I?", _KINDS["bool"], value)
        case int():
            return struct.pack("<II", _KINDS["uint32"], value)
        case float():
            return struct.pack("<If", _KINDS["float32"], value)
        case str():
            return struct.pack("<I", _KINDS["string"]) + _string(value)
    return _list(value)


def _list(values: Sequence[str] | Sequence[int]) -> bytes:
    words = isinstance(values[0], str)
    head = struct.pack("<IIQ", _KINDS["array"], _KINDS["string" if words else "int32"], len(values))
    if words:
        return head + b"".join(_string(str(each)) for each in values)
    return head + struct.pack(f"<{len(values)}i", *values)


def _string(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw
