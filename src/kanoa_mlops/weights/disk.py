"""The disk's own troubles, in words."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kanoa_mlops.errors import DiskFull, UserError
from kanoa_mlops.units import format_bytes
from kanoa_mlops.weights.sharing import obstacle

_HINT = "Free some room, or set another `cache_dir`. A download that was cut goes on where it stopped."
# What the system says when there is no more room, in words. EFBIG, a file too large for its disk or for this
# process, has the same cure.
_NO_ROOM = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "a file may not grow further there",
}


def check_room(folder: Path, needed: int) -> None:
    """That `needed` bytes can be written below a folder, which need not exist yet.

    Raises:
        DiskFull: with needed, free and where.
    """
    free = free_bytes(folder)
    if needed > free:
        raise DiskFull(
            f"{format_bytes(needed)} are needed at {folder}, and {format_bytes(free)} are free.", hint=_HINT
        )


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Around work on one file and nothing else: a broken connection is an OSError too.

    Raises:
        DiskFull: no room, or no quota, is left.
        UserError: a read-only disk, a missing permission, ...
    """
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise DiskFull(
                f"{path} cannot be written: {_NO_ROOM[error.errno]} "
                f"({format_bytes(free_bytes(path))} are free at {path.parent}).",
                hint=_HINT,
            ) from error
        raise UserError(
            f"{path} cannot be used: {error.strerror or error}.{_whose(path, error)}",
            hint="Check its permissions, or set another `cache_dir`.",
        ) from error


def _whose(path: Path, error: OSError) -> str:
    """In a cache of several people, who can help."""
    if error.errno not in (errno.EACCES, errno.EPERM):
        return ""
    try:
        found = obstacle(path)
    except OSError:
        return ""
    share = "Its owner can share it: `chmod -R g+rwX` it, and g+s its folders"
    return f" {found}. {share}." if found else ""


def free_bytes(path: Path) -> int:
    """Bytes free for this user on the disk that holds, or would hold, the path."""
    there = next(each for each in (path, *path.parents) if each.exists())
    return shutil.disk_usage(there).free
