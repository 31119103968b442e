"""Room for weights."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kanoa_mlops.hardware.disk import find_disk


def test_a_folder_that_is_not_there_yet_has_its_disks_room(tmp_path: Path) -> None:
    free = find_disk(tmp_path / "cache/weights").disk_free
    assert free == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.1)
