"""The header of a GGUF file: what the model is, and how every tensor is stored. Safe on any bytes.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import io
import math
import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NoReturn, Protocol

from kanoa_mlops.catalog.foreign.ggml import TENSOR_TYPES, TensorType
from kanoa_mlops.catalog.foreign.refusal import refusal

Part = Literal["linear", "experts", "embedding", "output", "vision"]
_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_CHUNK = 2**18
# Bounds far above any real model's, so that a broken file is told apart before memory is spent on it.
_LONGEST_HEADER = 2**26
_LONGEST_STRING = 2**22
_MOST_ENTRIES = 2**16
_MOST_TENSORS = 2**18
_MOST_DIMENSIONS = 4
_MOST_ELEMENTS = 2**50
_KEPT = 2**12
"""Numbers of an array; longer ones are counted."""
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_VISION = re.compile(r"^(v|mm|resampler|model\.image_newline)\.")


class Stream(Protocol):
    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end."""
        ...


@dataclass(frozen=True)
class Counted:
    """An array that was not kept."""

    count: int


Value = int | float | bool | str | tuple[int | float | bool, ...] | Counted


@dataclass(frozen=True)
class TensorInfo:
    name: str
    shape: tuple[int, ...]
    """Columns first, as ggml counts."""
    type: TensorType
    offset: int
    """From the start of the data."""

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        return self.elements // self.type.block * self.type.bytes

    @property
    def part(self) -> Part:
        if _VISION.match(self.name):
            return "vision"
        if self.name.startswith("token_embd."):
            return "embedding"
        if self.name.startswith("output."):
            return "output"
        return "experts" if "_exps." in self.name else "linear"


@dataclass(frozen=True)
class GgufHeader:
    version: int
    byte_order: Literal["little", "big"]
    metadata: Mapping[str, Value]
    """Strings and long arrays of numbers are only counted."""
    tensors: tuple[TensorInfo, ...]
    data_start: int
    """Bytes before the first tensor's."""

    @property
    def file_size(self) -> int:
        """Bytes the file must have to hold all of its tensors."""
        return self.data_start + max((tensor.offset + tensor.bytes for tensor in self.tensors), default=0)

    def elements(self, *parts: Part) -> int:
        """Of all tensors, or of those of these parts."""
        return sum(tensor.elements for tensor in self.tensors if not parts or tensor.part in parts)

    def bytes(self, *parts: Part) -> int:
        """Of all tensors, or of those of these parts."""
        return sum(tensor.bytes for tensor in self.tensors if not parts or tensor.part in parts)

    def tensor(self, name: str) -> TensorInfo | None:
        return next((tensor for tensor in self.tensors if tensor.name == name), None)


def read_gguf(source: Stream | bytes, where: str = "the GGUF file") -> GgufHeader:
    """Read no further than the header ends.

    Raises:
        UnknownArchitecture: it is no GGUF file, is cut short, or says what cannot be.
    """
    reader = _Reader(io.BytesIO(source) if isinstance(source, bytes) else source, where)
    return reader.header()


def join_parts(headers: Iterable[GgufHeader], where: str) -> GgufHeader:
    """The header of a model that is split into several files, given in their order.

    Raises:
        UnknownArchitecture: a part is missing.
    """
    first, *others = headers
    tensors = tuple(tensor for header in (first, *others) for tensor in header.tensors)
    count, total = first.metadata.get("split.count", 1), first.metadata.get("split.tensors.count")
    if count != 1 + len(others) or total not in (None, len(tensors)):
        raise refusal(where, f"is one of {count} files, and not all are here", hint="Get the others as well.")
    return GgufHeader(first.version, first.byte_order, first.metadata, tensors, first.data_start)


class _Reader:
    """Walks forward through a stream, a chunk at a time."""

    def __init__(self, stream: Stream, where: str) -> None:
        self._stream = stream
        self._where = where
        self._buffer = b""
        self._at = 0
        self._before = 0
        """Bytes of the stream before the buffer."""
        self._order = "<"

    def header(self) -> GgufHeader:
        if self._take(4) != _MAGIC:
            self._fail("is no GGUF file")
        version = self._version()
        tensor_count, entry_count = self._number("Q"), self._number("Q")
        if tensor_count > _MOST_TENSORS or entry_count > _MOST_ENTRIES:
            self._fail(f"claims {tensor_count} tensors and {entry_count} facts, which no model has")
        metadata: dict[str, Value] = {}
        for _ in range(entry_count):
            key = self._string()
            if key in metadata:
                self._fail(f"says twice what {_short(key)} is")
            metadata[key] = self._value(self._number("I"))
        tensors = tuple(self._tensor() for _ in range(tensor_count))
        alignment = metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or not 0 < alignment <= 2**20:
            self._fail(f"has an alignment of {_short(alignment)}")
        start = -(-(self._before + self._at) // alignment) * alignment
        order: Literal["little", "big"] = "little" if self._order == "<" else "big"
        return GgufHeader(version, order, metadata, tensors, start)

    def _version(self) -> int:
        raw = self._take(4)
        version = int.from_bytes(raw, "little")
        if version & 0xFFFF == 0:  # written on a machine of the other byte order
            self._order = ">"
            version = int.from_bytes(raw, "big")
        if version not in _VERSIONS:
            self._fail(f"has version {version} of the format; versions 2 and 3 are understood")
        return version

    def _value(self, kind: int) -> Value:
        if kind in _NUMBERS:
            return self._number(_NUMBERS[kind])
        if kind == _STRING:
            return self._string()
        if kind == _ARRAY:
            return self._array()
        self._fail(f"holds a value of the unknown kind {kind}")

    def _array(self) -> Value:
        kind, count = self._number("I"), self._number("Q")
        if kind == _STRING:
            self._skip_strings(count)
            return Counted(count)
        if kind not in _NUMBERS:
            self._fail(f"holds an array of the kind {kind}, which is not understood")
        size = struct.calcsize(_NUMBERS[kind])
        if count > _KEPT:
            self._skip(count * size)
            return Counted(count)
        return struct.unpack(f"{self._order}{count}{_NUMBERS[kind]}", self._take(count * size))

    def _tensor(self) -> TensorInfo:
        name, dimensions = self._string(), self._number("I")
        if not 0 < dimensions <= _MOST_DIMENSIONS:
            self._fail(f"gives the tensor {_short(name)} {dimensions} dimensions")
        shape = tuple(self._number("Q") for _ in range(dimensions))
        kind, offset = self._number("I"), self._number("Q")
        if kind not in TENSOR_TYPES:
            self._fail(f"stores the tensor {_short(name)} in the unknown type {kind}")
        tensor = TensorInfo(name, shape, TENSOR_TYPES[kind], offset)
        if not 0 < tensor.elements <= _MOST_ELEMENTS or shape[0] % tensor.type.block:
            self._fail(f"gives the tensor {_short(name)} the shape {_short(shape)}, which cannot be")
        return tensor

    def _number(self, code: str) -> int:
        value: int = struct.unpack(self._order + code, self._take(struct.calcsize(code)))[0]
        return value

    def _string(self) -> str:
        length = self._number("Q")
        if length > _LONGEST_STRING:
            self._fail(f"holds a text of {length} bytes")
        return self._take(length).decode("utf-8", errors="replace")

    def _skip_strings(self, count: int) -> None:
        """A vocabulary has hundreds of thousands, so this walks the buffer itself."""
        length_of = struct.Struct(self._order + "Q").unpack_from
        for _ in range(count):
            if self._at + 8 > len(self._buffer):
                self._need(8)
            length = length_of(self._buffer, self._at)[0]
            self._at += 8
            if self._at + length <= len(self._buffer):
                self._at += length
            else:
                self._skip(length)

    def _skip(self, size: int) -> None:
        while size > 0:
            step = min(size, _CHUNK)
            self._need(step)
            self._at += step
            size -= step

    def _take(self, size: int) -> bytes:
        self._need(size)
        self._at += size
        return self._buffer[self._at - size : self._at]

    def _need(self, size: int) -> None:
        """Have this many bytes in the buffer."""
        if self._at + size <= len(self._buffer):
            return
        parts = [self._buffer[self._at :]]
        missing = size - len(parts[0])
        self._before += self._at
        if self._before + size > _LONGEST_HEADER:
            self._fail(f"has a header of more than {_LONGEST_HEADER // 2**20} MiB")
        while missing > 0:
            data = self._stream.read(max(missing, _CHUNK))
            if not data:
                self._fail("ends within its header", hint="It is cut short; download it again.")
            parts.append(data)
            missing -= len(data)
        self._buffer, self._at = b"".join(parts), 0

    def _fail(self, what: str, hint: str = "It may be damaged; download it again.") -> NoReturn:
        raise refusal(self._where, what, hint=hint)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
