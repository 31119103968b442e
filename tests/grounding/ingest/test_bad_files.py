"""Files that cannot be read: each with its reason, and none with harm."""

from __future__ import annotations

import io
import json
import os
import signal
import threading
import time
import zipfile
from pathlib import Path

import psutil
import pytest

from kanoa_mlops.errors import UnreadableDocument
from kanoa_mlops.grounding.ingest.file_reader import FileReader, read_file
from kanoa_mlops.grounding.ingest.limits import MIB, Limits
from tests.grounding.ingest import samples

PAGE = Path(__file__).parents[3] / "docs/reference/documents.md"
BOMB = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><x>&b;</x>'


def refusal(reader: FileReader, name: str, content: bytes) -> UnreadableDocument:
    with pytest.raises(UnreadableDocument) as caught:
        reader.read(name, content)
    return caught.value


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.md", b"", "It is empty: 0 bytes."),
        ("a.pdf", b"", "It is empty: 0 bytes."),
        ("a.txt", b" \n ", "There is no text in it."),
        ("a.csv", b"\n\n,,\n", "It is empty: no row has anything in it."),
        ("a.pdf", b"hello", "It is no PDF, though its name says so."),
        ("a.docx", b"hello", "It is no DOCX, though its name says so."),
        ("a.ipynb", b"{}", "It is no notebook, though its name says so: its JSON has no cells."),
        ("a.txt", b"\x89PNG\r\n\x1a\n\0\0", "It is a picture (PNG): no text is read from it."),
        ("a.bin", os.urandom(5000) + b"\0", "It is binary, of no known format."),
        ("a.zip", zipped(a=b"a"), "It is an archive (zip), and no Office file."),
        ("a.docx", b"PK\x03\x04 and no more", "It is a damaged archive: File is not a zip file."),
        (
            "a.doc",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600,
            "It is of an Office before 2007, or of its kind.",
        ),
    ],
)
def test_says_why(reader: FileReader, name: str, content: bytes, reason: str) -> None:
    assert refusal(reader, name, content).message == reason
    if not reason.startswith("It is empty: no row"):
        assert f"| {reason} |" in PAGE.read_text(encoding="utf-8")


def test_encrypted_pdf(reader: FileReader) -> None:
    error = refusal(reader, "a.pdf", samples.pdf([["Secret"]], password="x"))
    assert error.message == "It is encrypted: a password is needed."
    assert error.hint == "Save a copy without a password."


def test_encrypted_office(reader: FileReader) -> None:
    content = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 6000 + "EncryptedPackage".encode("utf-16-le")
    assert "encrypted" in refusal(reader, "a.docx", content).message


def test_damaged_pdf(reader: FileReader) -> None:
    assert "damaged PDF" in refusal(reader, "a.pdf", b"%PDF-1.7\n" + b"\0garbage" * 50).message


@pytest.mark.parametrize(
    ("name", "office", "member"),
    [("a.docx", samples.docx(), "word/document.xml"), ("a.xlsx", samples.xlsx(), "xl/worksheets/sheet1.xml")],
)
class TestBombs:
    def test_zip(self, reader: FileReader, name: str, office: bytes, member: str) -> None:
        bomb = samples.with_member(office, member, b"\0" * 600 * MIB)
        assert len(bomb) < MIB
        assert "as a zip bomb does" in refusal(reader, name, bomb).message

    def test_entities(self, reader: FileReader, name: str, office: bytes, member: str) -> None:
        error = refusal(reader, name, samples.with_member(office, member, BOMB))
        assert error.message == f"{member} in it declares entities, as a bomb does: not read."


def test_too_large(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("words " * MIB)
    with pytest.raises(UnreadableDocument, match="too large: 6 MiB, of at most 2"):
        read_file("a.txt", file, limits=Limits(file_bytes=2 * MIB))


def test_too_much_text() -> None:
    with pytest.raises(UnreadableDocument, match="more than 1 MiB of text"):
        read_file("a.txt", b"words " * MIB, limits=Limits(text_bytes=MIB))


def test_nested_too_deep(reader: FileReader) -> None:
    refusal(reader, "a.ipynb", b'{"cells":' + b"[" * 200_000)


def test_what_takes_too_long_is_given_up_and_the_next_is_read() -> None:
    slow = json.dumps({"cells": [{"cell_type": "markdown", "source": "a *b* `c`\n\n" * 900_000}]}).encode()
    with FileReader(limits=Limits(seconds=0.5)) as reader:
        assert refusal(reader, "a.ipynb", slow).message == "It was not read within 0.5 s."
        assert reader.read("a.txt", b"words") is not None


def test_what_needs_too_much_memory_is_given_up_and_the_next_is_read() -> None:
    large = json.dumps({"cells": [{"cell_type": "code", "source": "", "metadata": [0] * 12 * MIB}]}).encode()
    with FileReader(limits=Limits(memory_bytes=120 * MIB)) as reader:
        assert refusal(reader, "a.ipynb", large).message == "It needs more than 120 MiB of memory."
        assert reader.read("a.txt", b"words") is not None


def test_a_reader_that_dies_is_named_and_the_next_file_is_read() -> None:
    slow = json.dumps({"cells": [{"cell_type": "markdown", "source": "a *b* `c`\n\n" * 900_000}]}).encode()
    before = set(psutil.Process().children())
    with FileReader() as reader:
        assert reader.read("a.txt", b"words") is not None
        [child] = set(psutil.Process().children()) - before
        rested = child.cpu_times().user

        def kill_at_work() -> None:
            while child.cpu_times().user < rested + 0.2:
                time.sleep(0.01)
            os.kill(child.pid, signal.SIGSEGV)

        killer = threading.Thread(target=kill_at_work)
        killer.start()
        error = refusal(reader, "a.ipynb", slow)
        killer.join()
        assert error.message == "What reads it died of it (by signal 11)."
        assert reader.read("a.txt", b"words") is not None


def test_no_process_stays() -> None:
    before = {child.pid for child in psutil.Process().children()}
    read_file("a.txt", b"words")
    assert {child.pid for child in psutil.Process().children()} <= before


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.txt")
    with pytest.raises(UnreadableDocument, match="no file, but a pipe"):
        read_file("a.txt", tmp_path / "a.txt", limits=Limits(seconds=3600))


def test_a_link_that_came_meanwhile_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "a.txt").symlink_to(tmp_path / "secret")
    with pytest.raises(UnreadableDocument, match="cannot be read"):
        read_file("a.txt", tmp_path / "a.txt")


def test_modules_in_the_persons_folder_are_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "orjson.py").write_text("raise SystemExit('run')")
    monkeypatch.chdir(tmp_path)
    assert read_file("a.txt", b"words").chunks
