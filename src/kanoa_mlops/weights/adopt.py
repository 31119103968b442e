"""Files that are on this machine already are used where they are: a link, no copy."""

from __future__ import annotations

import shutil
from pathlib import Path

from kanoa_mlops.catalog.types import WeightFile
from kanoa_mlops.errors import SourceFailed
from kanoa_mlops.weights.check import matches
from kanoa_mlops.weights.disk import check_room, disk_errors
from kanoa_mlops.weights.progress import Progress
from kanoa_mlops.weights.seal import Seal
from kanoa_mlops.weights.sharing import hand_on, is_shared, make_folder, open_to_group


def adopt(source: Path, file: WeightFile, target: Path, progress: Progress) -> None:
    """Verify a file that is not ours and link to it. Should it go away later, the link counts as no file.

    In a cache that a group shares, a file that only this account can read is copied.

    Raises:
        SourceFailed: it is another file, or no link can be made. Its message follows the file's path.
        DiskFull: there is no room for a copy.
    """
    try:
        source = source.expanduser().resolve(strict=True)  # the blob: a snapshot's link may be moved
        seal = Seal.of(source, file.sha256)
    except OSError as error:
        raise SourceFailed(f"cannot be used ({error.strerror})") from error
    if not matches(source, file, progress):
        raise SourceFailed("does not hold the bytes that are listed; it is left as it is")
    with disk_errors(target):
        make_folder(target.parent)
    if is_shared(target.parent) and not open_to_group(source, target.parent.stat().st_gid):
        _copy(source, target)
        Seal.of(target, file.sha256).write(target)
        return
    link = target.with_name(target.name + ".link")
    try:
        link.unlink(missing_ok=True)
        link.symlink_to(source)
        link.replace(target)
    except OSError as error:
        raise SourceFailed(f"cannot be linked to ({error.strerror})") from error
    seal.write(target)


def _copy(source: Path, target: Path) -> None:
    """Whole or not at all."""
    check_room(target.parent, source.stat().st_size)
    fresh = target.with_name(target.name + ".copy")
    with disk_errors(fresh):
        try:
            shutil.copyfile(source, fresh)
            hand_on(fresh)
            fresh.replace(target)
        finally:
            fresh.unlink(missing_ok=True)
