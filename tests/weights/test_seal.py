from __future__ import annotations

from pathlib import Path

from kanoa_mlops.weights.seal import Seal, is_sealed, seal_path


def test_a_seal_holds_until_the_file_is_touched(tmp_path: Path) -> None:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(b"weights")
    assert not is_sealed(path, "aa")
    Seal.of(path, "aa").write(path)
    assert is_sealed(path, "aa")
    assert not is_sealed(path, "bb")
    path.write_bytes(b"Weights")
    assert not is_sealed(path, "aa")


def test_a_seal_that_cannot_be_written_is_no_trouble(tmp_path: Path) -> None:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(b"weights")
    seal_path(path).mkdir()
    Seal.of(path, "aa").write(path)
    assert not is_sealed(path, "aa")
