"""How much room things take on the disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from os import stat_result
from pathlib import Path
from stat import S_ISREG


def freed_by(paths: Iterable[Path]) -> int:
    """Bytes free once these files and folders are gone.

    Of a link to elsewhere nothing; a file with several names, as engines share one, once all of them go.
    """
    files = [status for path in paths for status in _files(path)]
    names = Counter((status.st_dev, status.st_ino) for status in files)
    whole = {
        (status.st_dev, status.st_ino): status.st_size
        for status in files
        if names[status.st_dev, status.st_ino] >= status.st_nlink
    }
    return sum(whole.values())


def _files(path: Path) -> Iterator[stat_result]:
    folder = path.is_dir() and not path.is_symlink()
    for each in path.rglob("*") if folder else (path,):
        try:
            status = each.lstat()
        except OSError:
            continue
        if S_ISREG(status.st_mode):
            yield status
