"""GGUF headers: as the reference implementation writes them, and as no one should."""

from __future__ import annotations

import io
import random
import struct
from pathlib import Path
from typing import Any

import pytest
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFReader, LlamaFileType

from kanoa_mlops.catalog.foreign.ggml import FILE_TYPES, TENSOR_TYPES
from kanoa_mlops.catalog.foreign.gguf_header import Counted, GgufHeader, join_parts, read_gguf
from kanoa_mlops.errors import UnknownArchitecture
from tests.catalog.foreign.make import GGUF_FACTS, gguf_file, gguf_tensors


def test_types_are_those_of_the_reference() -> None:
    assert {number: tuple(kind) for number, kind in TENSOR_TYPES.items()} == {
        int(kind): (kind.name, *GGML_QUANT_SIZES[kind]) for kind in GGMLQuantizationType
    }
    assert {
        int(kind): kind.name.partition("_")[2] for kind in LlamaFileType if kind is not LlamaFileType.GUESSED
    } == FILE_TYPES


@pytest.mark.parametrize("big_endian", [False, True])
def test_reads_what_the_reference_writes(tmp_path: Path, big_endian: bool) -> None:
    numbers = {"some.number": 7, "some.truth": True, "some.share": 0.5, "some.list": [1, 2, 3]}
    facts = GGUF_FACTS | numbers
    tensors = gguf_tensors("Q8_0") | {"blk.0.ffn_up_exps.weight": ((4, 128, 64), "Q4_0")}
    path = gguf_file(tmp_path / "a.gguf", "llama", facts, tensors, big_endian=big_endian)
    with path.open("rb") as file:
        header = read_gguf(file)
    assert (header.version, header.byte_order) == (3, "big" if big_endian else "little")
    assert header.metadata["general.architecture"] == "llama"
    assert header.metadata["llama.some.number"] == 7
    assert header.metadata["llama.some.truth"] is True
    assert header.metadata["llama.some.share"] == 0.5
    assert header.metadata["llama.some.list"] == (1, 2, 3)
    assert header.metadata["tokenizer.ggml.tokens"] == Counted(1000)
    reader = GGUFReader(path)
    assert [(t.name, t.shape, t.type.name, t.elements, t.bytes) for t in header.tensors] == [
        (t.name, tuple(t.shape), t.tensor_type.name, t.n_elements, t.n_bytes) for t in reader.tensors
    ]
    assert header.data_start == reader.data_offset
    assert header.file_size == path.stat().st_size


def test_parts_of_a_model(tmp_path: Path) -> None:
    tensors = gguf_tensors("F16") | {"blk.0.ffn_up_exps.weight": ((4, 128, 64), "MXFP4")}
    header = read_gguf(gguf_file(tmp_path / "a.gguf", "llama", GGUF_FACTS, tensors).read_bytes())
    assert header.bytes("embedding") == header.bytes("output") == 1000 * 64 * 2
    assert header.bytes("experts") == 4 * 128 * 64 // 32 * 17
    assert header.elements("vision") == 0
    assert header.bytes() == sum(header.bytes(part) for part in ("embedding", "output", "experts", "linear"))


def test_a_real_file(weights_file: Path) -> None:
    with weights_file.open("rb") as file:
        header = read_gguf(file)
        read = file.tell()
    assert header.elements() == 134_515_008
    assert header.file_size == weights_file.stat().st_size
    assert read < 4 * 2**20, "it stops where the header ends"


def _split(folder: Path, total: int) -> list[GgufHeader]:
    facts = GGUF_FACTS | {"split.count": 2, "split.tensors.count": total}
    tensors = gguf_tensors()
    names = list(tensors)
    halves = [{name: tensors[name] for name in part} for part in (names[:20], names[20:])]
    paths = [
        gguf_file(folder / "a-1.gguf", "llama", facts | {"split.no": 0}, halves[0]),
        gguf_file(folder / "a-2.gguf", "llama", {"split.no": 1, "split.count": 2}, halves[1]),
    ]
    return [read_gguf(path.read_bytes()) for path in paths]


def test_a_split_model_is_one(tmp_path: Path) -> None:
    headers = _split(tmp_path, len(gguf_tensors()))
    whole = join_parts(headers, "a.gguf")
    assert whole.elements() == sum(header.elements() for header in headers)
    assert whole.metadata["llama.block_count"] == 4


def test_a_part_that_is_missing(tmp_path: Path) -> None:
    headers = _split(tmp_path, len(gguf_tensors()))
    with pytest.raises(UnknownArchitecture, match="is one of 2 files, and not all are here"):
        join_parts(headers[:1], "a.gguf")
    with pytest.raises(UnknownArchitecture, match="not all are here"):
        join_parts(_split(tmp_path, 99), "a.gguf")


def _text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def _file(*entries: bytes, tensors: bytes = b"", tensor_count: int = 0, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensor_count, len(entries)) + b"".join(entries) + tensors


def _tensor(name: str, shape: tuple[int, ...], kind: int) -> bytes:
    return (
        _text(name)
        + struct.pack("<I", len(shape))
        + b"".join(struct.pack("<Q", side) for side in shape)
        + struct.pack("<IQ", kind, 0)
    )


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"", "ends within its header"),
        (b"GG", "ends within its header"),
        (b"PK\x03\x04" * 10, "is no GGUF file"),
        (_file(version=1), "has version 1 of the format"),
        (_file(version=4), "has version 4"),
        (_file(version=1 << 24), "has version 1 "),  # as the other byte order writes it
        (b"GGUF" + struct.pack("<IQQ", 3, 2**60, 0), "claims 1152921504606846976 tensors"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 2**60), "and 1152921504606846976 facts"),
        (_file(struct.pack("<Q", 2**62) + b"x"), "holds a text of 4611686018427387904 bytes"),
        (_file(_text("a") + struct.pack("<I", 13)), "a value of the unknown kind 13"),
        (_file(_text("a") + struct.pack("<IIQ", 9, 9, 1)), "holds an array of the kind 9"),
        (_file(_text("a") + struct.pack("<IIQ", 9, 8, 2**63)), "ends within its header"),
        (_file(_text("a") + struct.pack("<IIQ", 9, 10, 2**61)), r"a header of more than|ends within"),
        (
            _file(_text("a") + b"\x04\0\0\0" + bytes(4), _text("a") + b"\x04\0\0\0" + bytes(4)),
            "says twice what 'a' is",
        ),
        (_file(tensors=_tensor("a", (), 0), tensor_count=1), "gives the tensor 'a' 0 dimensions"),
        (_file(tensors=_tensor("a", (1,) * 5, 0), tensor_count=1), "gives the tensor 'a' 5 dimensions"),
        (
            _file(tensors=_tensor("a", (32,), 99), tensor_count=1),
            "stores the tensor 'a' in the unknown type 99",
        ),
        (_file(tensors=_tensor("a", (0, 5), 0), tensor_count=1), "the shape (0, 5), which cannot be"),
        (_file(tensors=_tensor("a", (33,), 8), tensor_count=1), "which cannot be"),
        (_file(tensors=_tensor("a", (2**40, 2**40), 0), tensor_count=1), "which cannot be"),
        (_file(_text("general.alignment") + struct.pack("<II", 4, 0)), "has an alignment of 0"),
    ],
)
def test_broken_files(body: bytes, complaint: str) -> None:
    with pytest.raises(UnknownArchitecture) as caught:
        read_gguf(body, "model.gguf")
    assert caught.match(complaint if "|" in complaint else complaint.replace("(", r"\(").replace(")", r"\)"))
    assert caught.value.message.startswith("model.gguf: ")
    assert caught.value.hint


def test_every_cut_is_told(tmp_path: Path) -> None:
    facts = {key: value for key, value in GGUF_FACTS.items() if not key.startswith("tokenizer")}
    path = gguf_file(tmp_path / "a.gguf", "llama", facts, gguf_tensors(layers=1))
    body = path.read_bytes()
    header = read_gguf(body)
    end = max(i for i in range(header.data_start) if body[i])  # before the padding
    for length in range(end):
        with pytest.raises(UnknownArchitecture, match="ends within its header"):
            read_gguf(body[:length])


def test_noise_never_breaks_the_reader(tmp_path: Path) -> None:
    facts = {key: value for key, value in GGUF_FACTS.items() if not key.startswith("tokenizer")}
    body = gguf_file(tmp_path / "a.gguf", "llama", facts, gguf_tensors(layers=1)).read_bytes()[:2000]
    chance = random.Random(1)
    refused = 0
    for _ in range(2000):
        spoilt = bytearray(body)
        for _ in range(chance.randint(1, 8)):
            spoilt[chance.randrange(4, len(spoilt))] = chance.randrange(256)
        try:
            read_gguf(bytes(spoilt))
        except UnknownArchitecture:
            refused += 1
    assert refused > 200


class Endless(io.RawIOBase):
    """A header that goes on for ever: an array of empty texts."""

    def __init__(self) -> None:
        self.start = _file(_text("a") + struct.pack("<IIQ", 9, 8, 2**63))
        self.given = 0

    def read(self, size: int = -1, /) -> bytes:
        given, self.start = self.start[:size], self.start[size:]
        given = given or bytes(size)
        self.given += len(given)
        return given


def test_a_header_without_end() -> None:
    stream: Any = Endless()
    with pytest.raises(UnknownArchitecture, match="a header of more than 64 MiB"):
        read_gguf(stream)
    assert stream.given < 2**27
