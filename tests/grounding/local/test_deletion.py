"""What was deleted is in no file: neither text, nor vector, nor the words by their hashes."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from kanoa_mlops.grounding.archive import File
from kanoa_mlops.grounding.local import LocalArchive
from kanoa_mlops.grounding.local.terms import counts
from kanoa_mlops.grounding.types import Chunk, Document
from tests.grounding.local.making import NOTES, PAPERS, SPACE, collection

SECRET = "zyxsecret"
WORDS = 40


def written(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(path.parent.iterdir()))


def name(number: int) -> str:
    return f"{SECRET}{number:03}"


def traces(number: int) -> Iterator[bytes]:
    """Of the secret document of that number."""
    yield name(number).encode()
    yield struct.pack("<4f", *vector(number))
    (term,) = counts(name(number))
    yield struct.pack("<I", term)


def vector(number: int) -> list[float]:
    """Of four numbers that are nowhere else."""
    drawn = random.Random(number)
    return [drawn.uniform(0.1, 0.2) for _ in range(4)]


def secret(number: int, source: str = "") -> Document:
    """Of some chunks, from a few letters to more than a page of the file."""
    drawn = random.Random(number)
    word = name(number)
    texts = [f"{word} " * drawn.choice([1, 3, 50, 900]) for _ in range(drawn.choice([1, 4, 30]))]
    chunks = tuple(Chunk(f"{word}#{at}", text, heading=word) for at, text in enumerate(texts))
    return Document(
        source or f"{word}.txt", word, word, chunks, {"secret": word}, "", f"/{word}", reader=word
    )


def put(archive: LocalArchive, number: int, source: str = "", to: str = PAPERS) -> None:
    document = secret(number, source)
    archive.put(to, document)
    ids = [chunk.id for chunk in document.chunks]
    archive.embed(to, SPACE, ids, np.array([vector(number)] * len(ids), np.float32))


def plain(archive: LocalArchive, number: int, source: str) -> None:
    archive.put(PAPERS, Document(source, "", "", (Chunk(f"p{number}", f"plain {number} " * (number % 90)),)))


def drop(archive: LocalArchive) -> None:
    archive.drop(PAPERS, [secret(number).source for number in range(0, WORDS, 2)])


def replace_by_put(archive: LocalArchive) -> None:
    for number in range(0, WORDS, 2):
        plain(archive, number, secret(number).source)
    archive.drop(PAPERS, [secret(number).source for number in range(0, WORDS, 2)])


def replaced_alone(archive: LocalArchive) -> None:
    for number in range(WORDS):
        plain(archive, number, f"{number}.txt")


@pytest.mark.parametrize("delete", [drop, replace_by_put])
def test_half_of_the_documents(
    archive: LocalArchive, path: Path, delete: Callable[[LocalArchive], None]
) -> None:
    for number in range(WORDS):
        put(archive, number)
    archive.search(PAPERS, SECRET, None)
    assert all(trace in written(path) for number in range(WORDS) for trace in traces(number))
    delete(archive)
    left = written(path)
    for number in range(WORDS):
        for trace in traces(number):
            assert (trace in left) == bool(number % 2), (number, trace)


def test_a_document_that_was_replaced(archive: LocalArchive, path: Path) -> None:
    for number in range(WORDS):
        put(archive, number, f"{number}.txt")
    replaced_alone(archive)
    left = written(path)
    assert not [number for number in range(WORDS) for trace in traces(number) if trace in left]
    assert b"plain 7 " in left


def test_a_whole_collection(archive: LocalArchive, path: Path) -> None:
    archive.create(collection(NOTES, f"{SECRET}-collection", attributes={"a": SECRET}))
    for number in range(WORDS):
        put(archive, number, to=NOTES if number % 2 else PAPERS)
    archive.remove(NOTES)
    left = written(path)
    assert f"{SECRET}-collection".encode() not in left
    for number in range(WORDS):
        assert [trace in left for trace in traces(number)] == [not number % 2] * 3, number


def test_vectors_that_were_forgotten(archive: LocalArchive, path: Path) -> None:
    for number in range(WORDS):
        put(archive, number)
    archive.forget_vectors(PAPERS)
    left = written(path)
    for number in range(WORDS):
        assert struct.pack("<4f", *vector(number)) not in left
        assert name(number).encode() in left


def test_an_uploaded_file(archive: LocalArchive, path: Path) -> None:
    for number, size in enumerate((1, 100, 100_000)):
        content = name(number).encode() * size
        archive.add_file(File(f"file-{number}", "", name(number), "assistants", len(content), 1.0), content)
    for number in range(3):
        assert name(number).encode() in written(path)
        archive.remove_file(f"file-{number}")
        assert name(number).encode() not in written(path)


def test_while_others_read_and_write(archive: LocalArchive, other: LocalArchive, path: Path) -> None:
    for number in range(WORDS):
        put(archive if number % 3 else other, number)
        other.search(PAPERS, SECRET, None)
    for number in range(0, WORDS, 2):
        (archive if number % 3 else other).drop(PAPERS, [secret(number).source])
        left = written(path)
        assert not [trace for trace in traces(number) if trace in left]


def test_by_one_who_was_killed_before_it_was_wiped(archive: LocalArchive, path: Path) -> None:
    """What was deleted stays deleted, and is wiped by who opens the file next."""
    put(archive, 1)
    archive.close()
    program = (
        "import os, sys; from pathlib import Path\n"
        "from kanoa_mlops.grounding.local import LocalArchive\n"
        "from kanoa_mlops.grounding.local.connections import Connections\n"
        "archive = LocalArchive(Path(sys.argv[1]))\n"
        "Connections._wipe = lambda self: os.kill(os.getpid(), 9)\n"
        f"archive.drop({PAPERS!r}, [{secret(1).source!r}])\n"
    )
    done = subprocess.run([sys.executable, "-c", program, path], timeout=60, check=False)
    assert done.returncode == -9
    again = LocalArchive(path)
    left = written(path)
    assert again.held(PAPERS) == []
    again.close()
    assert not [trace for trace in traces(1) if trace in left]
