from __future__ import annotations

from pathlib import Path

import pytest

from kanoa_mlops.errors import SourceFailed
from kanoa_mlops.weights.adopt import adopt
from kanoa_mlops.weights.check import check
from tests.weights.make import Heard, a_file, noise

BODY = noise(1000)


def test_a_file_is_linked_to_and_trusted(tmp_path: Path, heard: Heard) -> None:
    source, target = tmp_path / "theirs", tmp_path / "ours" / "tiny.gguf"
    source.write_bytes(BODY)
    adopt(source, a_file(BODY), target, heard)
    assert target.is_symlink()
    assert check(target, a_file(BODY), heard)
    assert len(heard.started) == 1
    source.unlink()
    assert not check(target, a_file(BODY), heard)


def test_the_link_leads_to_the_bytes_and_not_to_another_link(tmp_path: Path, heard: Heard) -> None:
    (tmp_path / "blob").write_bytes(BODY)
    (tmp_path / "snapshot").symlink_to("blob")
    adopt(tmp_path / "snapshot", a_file(BODY), tmp_path / "ours", heard)
    assert (tmp_path / "ours").readlink() == tmp_path / "blob"


def test_another_file_is_left_as_it_is(tmp_path: Path, heard: Heard) -> None:
    (tmp_path / "theirs").write_bytes(noise(1000, seed=2))
    with pytest.raises(SourceFailed, match="does not hold the bytes that are listed"):
        adopt(tmp_path / "theirs", a_file(BODY), tmp_path / "ours", heard)
    with pytest.raises(SourceFailed, match=r"cannot be used \(No such file or directory\)"):
        adopt(tmp_path / "nothing", a_file(BODY), tmp_path / "ours", heard)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["theirs"]
