from __future__ import annotations

from pathlib import Path

import pytest

from kanoa_mlops.errors import DiskFull, UserError
from kanoa_mlops.weights.disk import check_room, disk_errors


def test_too_little_room_says_needed_free_and_where(tmp_path: Path) -> None:
    check_room(tmp_path, 1)
    with pytest.raises(DiskFull, match=r"^1000 TiB are needed at /.*/not/there/yet, and .* are free\.$"):
        check_room(tmp_path / "not" / "there" / "yet", 1000 * 2**40)


def test_a_full_disk(small_disk: Path) -> None:
    path = small_disk / "large"
    with (
        pytest.raises(
            DiskFull, match=rf"{path} cannot be written: the disk is full \(.* free at {small_disk}\)"
        ),
        disk_errors(path),
    ):
        path.write_bytes(bytes(2**21))


def test_other_troubles_are_the_persons_to_mend(tmp_path: Path) -> None:
    path = tmp_path / "file" / "below"
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"below cannot be used: Not a directory\."), disk_errors(path):
        path.mkdir()
