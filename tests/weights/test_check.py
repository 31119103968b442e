from __future__ import annotations

import os
from pathlib import Path

import pytest

from kanoa_mlops.errors import WeightsCorrupted
from kanoa_mlops.weights.check import check
from tests.weights.make import Heard, a_file, noise

BODY = noise(1000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(BODY)
    return path


def test_a_file_is_read_once_and_then_trusted(path: Path, heard: Heard) -> None:
    assert check(path, a_file(BODY), heard)
    assert check(path, a_file(BODY), heard)
    assert heard.started == [("checking tiny.gguf", 1000, 0)]
    assert check(path, a_file(BODY), heard, full=True)
    assert len(heard.started) == 2


def test_no_file_and_a_link_to_nowhere_are_no_file(tmp_path: Path, heard: Heard) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    assert not check(tmp_path / "nothing", a_file(BODY), heard)
    assert not check(tmp_path / "link", a_file(BODY), heard)


def test_a_flipped_byte_is_found_after_the_seal(path: Path, heard: Heard) -> None:
    check(path, a_file(BODY), heard)
    path.write_bytes(BODY[:500] + bytes([BODY[500] ^ 1]) + BODY[501:])
    with pytest.raises(WeightsCorrupted, match=r"tiny\.gguf is damaged: its sha256 is"):
        check(path, a_file(BODY), heard)


def test_a_flip_that_hides_its_time_is_found_by_a_full_check(path: Path, heard: Heard) -> None:
    check(path, a_file(BODY), heard)
    before = path.stat()
    with path.open("r+b") as file:
        file.write(bytes([BODY[0] ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert check(path, a_file(BODY), heard)
    with pytest.raises(WeightsCorrupted):
        check(path, a_file(BODY), heard, full=True)


def test_another_size_needs_no_reading(path: Path, heard: Heard) -> None:
    path.write_bytes(BODY[:300])
    with pytest.raises(WeightsCorrupted, match="it holds 300 bytes"):
        check(path, a_file(BODY), heard)
    assert not heard.started


def test_a_seal_for_other_bytes_or_of_nonsense_is_no_seal(path: Path, heard: Heard) -> None:
    check(path, a_file(BODY), heard)
    with pytest.raises(WeightsCorrupted):
        check(path, a_file(noise(1000, seed=2)), heard)
    path.with_name("tiny.gguf.verified").write_text("{")
    assert check(path, a_file(BODY), heard)
