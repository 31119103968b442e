"""A cache that a group shares: what is made in a folder of the group is the group's as well.

A folder is shared by `chgrp GROUP FOLDER && chmod g+rwxs FOLDER`. The mask of whoever fetches would else take
from the others what the folder gave them.
"""

from __future__ import annotations

import os
import pwd
import stat
from contextlib import suppress
from pathlib import Path

LOCK_MODE = 0o664
"""Of a lock in a shared folder: to hold it one must be able to write it."""


def make_folder(path: Path) -> None:
    """With those above it.

    Raises:
        OSError: it cannot be made.
    """
    if path.is_dir():
        return
    try:
        path.mkdir(exist_ok=True)
    except FileNotFoundError:
        make_folder(path.parent)
        path.mkdir(exist_ok=True)
    hand_on(path)


def hand_on(path: Path) -> None:
    """Give to the group what the folder gives it, if that folder is shared. Only an owner can."""
    with suppress(OSError):
        status = path.stat(follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode) or not is_shared(path.parent, status.st_gid):
            return
        rights = stat.S_IRGRP | stat.S_IWGRP
        if stat.S_ISDIR(status.st_mode):
            rights |= stat.S_IXGRP | stat.S_ISGID
        path.chmod(stat.S_IMODE(status.st_mode) | rights)


def is_shared(folder: Path, group: int | None = None) -> bool:
    """Whether its group may write it; with `group`, whether that is its group."""
    try:
        status = folder.stat()
    except OSError:
        return False
    return bool(status.st_mode & stat.S_IWGRP) and group in (None, status.st_gid)


def open_to_group(path: Path, group: int) -> bool:
    """Whether members of a group reach a file and may read it."""
    with suppress(OSError):
        return _may(path, group, stat.S_IRGRP, stat.S_IROTH) and all(
            _may(folder, group, stat.S_IXGRP, stat.S_IXOTH) for folder in path.parents
        )
    return False


def owner(path: Path) -> str:
    """Whose it is; '' where it is ours."""
    user = path.lstat().st_uid
    return "" if user == os.geteuid() else _name(user)


def obstacle(path: Path) -> str:
    """Whose a file or folder is that this account may not write; '' where it is none of somebody else."""
    there = next(each for each in (path, *path.parents) if os.path.lexists(each))
    if not (name := owner(there)):
        return ""
    return f"{there} belongs to {name}, and {_name(os.geteuid())} may not write there"


def _may(path: Path, group: int, of_group: int, of_others: int) -> bool:
    status = path.stat()
    return bool(status.st_mode & (of_group if status.st_gid == group else of_others))


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
