"""Files that are on this machine already are used where they are: a link, no copy."""

from __future__ import annotations

from pathlib import Path

from kanoa_mlops.catalog.types import WeightFile
from kanoa_mlops.errors import SourceFailed
from kanoa_mlops.weights.check import matches
from kanoa_mlops.weights.disk import disk_errors
from kanoa_mlops.weights.progress import Progress
from kanoa_mlops.weights.seal import Seal


def adopt(source: Path, file: WeightFile, target: Path, progress: Progress) -> None:
    """Verify a file that is not ours and link to it. Should it go away later, the link counts as no file.

    Raises:
        SourceFailed: it is another file, or no link can be made. Its message follows the file's path.
    """
    try:
        source = source.expanduser().resolve(strict=True)  # the blob: a snapshot's link may be moved
        seal = Seal.of(source, file.sha256)
    except OSError as error:
        raise SourceFailed(f"cannot be used ({error.strerror})") from error
    if not matches(source, file, progress):
        raise SourceFailed("does not hold the bytes that are listed; it is left as it is")
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    link = target.with_name(target.name + ".link")
    try:
        link.unlink(missing_ok=True)
        link.symlink_to(source)
        link.replace(target)
    except OSError as error:
        raise SourceFailed(f"cannot be linked to ({error.strerror})") from error
    seal.write(target)
