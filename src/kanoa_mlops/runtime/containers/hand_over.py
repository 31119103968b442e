"""Files of ours that an engine must read or write in its container, where it is somebody else there."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from kanoa_mlops.engines.container import Mount
from kanoa_mlops.engines.launch import Launch
from kanoa_mlops.runtime.containers.host import User

_PRIVATE = "inner"
"""A folder that only we may enter; a container is shown the file in it, and passes no folder."""


def hand_over(launch: Launch, user: User) -> Launch:
    """The same launch with a key that the user may read, and folders that it may write to.

    Only the administrator can give files away. The key stays ours; what the user gets is a copy.
    """
    assert launch.container is not None
    mounts = tuple(_handed(mount, launch.key_file, user) for mount in launch.container.mounts)
    return replace(launch, container=replace(launch.container, mounts=mounts))


def take_back(launch: Launch) -> None:
    """Delete the copy of the key, if there is one."""
    if launch.key_file:
        _copy_of(launch.key_file).unlink(missing_ok=True)


def _handed(mount: Mount, key_file: Path | None, user: User) -> Mount:
    if mount.source == key_file:
        return replace(mount, source=_copy(mount.source, user))
    if mount.writable:
        _give(mount.source, user)
    return mount


def _copy(key_file: Path, user: User) -> Path:
    copy = _copy_of(key_file)
    copy.parent.mkdir(mode=0o700, exist_ok=True)
    copy.parent.chmod(0o700)
    copy.unlink(missing_ok=True)
    with os.fdopen(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "wb") as file:
        os.fchown(file.fileno(), user.uid, user.gid)
        file.write(key_file.read_bytes())
    return copy


def _copy_of(key_file: Path) -> Path:
    return key_file.parent / _PRIVATE / key_file.name


def _give(folder: Path, user: User) -> None:
    """With all that an earlier engine left in it."""
    if folder.stat().st_uid == user.uid:
        return
    for path in (*folder.rglob("*"), folder):  # itself last: a walk that was cut short is taken up again
        os.chown(path, user.uid, user.gid, follow_symlinks=False)
