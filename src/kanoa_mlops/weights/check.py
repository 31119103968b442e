"""Whether a file holds the bytes that are listed."""

from __future__ import annotations

import hashlib
from pathlib import Path

from kanoa_mlops.catalog.types import WeightFile
from kanoa_mlops.errors import WeightsCorrupted
from kanoa_mlops.units import format_bytes
from kanoa_mlops.weights.disk import disk_errors
from kanoa_mlops.weights.progress import Progress
from kanoa_mlops.weights.seal import Seal, is_sealed

_CHUNK = 2**20


def check(path: Path, file: WeightFile, progress: Progress, *, full: bool = False) -> bool:
    """True when the right file is there, False when there is none (or a link that leads nowhere).

    Its bytes are read unless its seal holds; `full` reads them in any case.

    Raises:
        WeightsCorrupted: another size or other bytes, naming the file.
    """
    with disk_errors(path):
        if not path.exists():
            return False
        if not full and is_sealed(path, file.sha256):
            return True
        seal = Seal.of(path, file.sha256)
        if (problem := _difference(path, file, progress)) is not None:
            raise WeightsCorrupted(
                f"{path} is damaged: {problem}.", hint="`kanoa-mlops pull` of this model fetches it afresh."
            )
        seal.write(path)
        return True


def matches(path: Path, file: WeightFile, progress: Progress) -> bool:
    """The same question for a file that is not ours: nothing is written beside it, and no answer raises."""
    try:
        return _difference(path, file, progress) is None
    except OSError:
        return False


def _difference(path: Path, file: WeightFile, progress: Progress) -> str | None:
    size = path.stat().st_size
    if size != file.size:
        return f"it holds {_exactly(size)} and should hold {_exactly(file.size)}"
    digest = _digest(path, size, progress)
    if digest != file.sha256:
        return f"its sha256 is {digest} and should be {file.sha256}"
    return None


def _digest(path: Path, size: int, progress: Progress) -> str:
    digest = hashlib.sha256()
    progress.start(f"checking {path.name}", size, 0)
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            progress.advance(len(chunk))
    progress.finish()
    return digest.hexdigest()


def _exactly(size: int) -> str:
    return f"{size} bytes ({format_bytes(size)})"
