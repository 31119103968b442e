"""A seal says that a file was verified, so that it need not be read again while it stays untouched."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from kanoa_mlops.weights.sharing import hand_on

SEAL_SUFFIX = ".verified"


class Seal(BaseModel):
    """What the file was when its bytes were last read. Links are followed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    size: int
    mtime_ns: int
    inode: int

    @classmethod
    def of(cls, path: Path, sha256: str) -> Self:
        """Taken before the file is read, so that a change while it is read breaks it."""
        stat = path.stat()
        return cls(sha256=sha256, size=stat.st_size, mtime_ns=stat.st_mtime_ns, inode=stat.st_ino)

    def write(self, path: Path) -> None:
        """Beside the file. On a disk that cannot be written the next start reads the file again, no more."""
        with suppress(OSError):
            seal_path(path).write_text(self.model_dump_json(), encoding="utf-8")
            hand_on(seal_path(path))


def is_sealed(path: Path, sha256: str) -> bool:
    seal = _read(path)
    return seal is not None and seal == Seal.of(path, sha256)


def sealed_sha256(path: Path) -> str:
    """Of a verified file. Where its seal could not be kept, the file is read again."""
    if (seal := _read(path)) and seal == Seal.of(path, seal.sha256):
        return seal.sha256
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(path: Path) -> Seal | None:
    try:
        return Seal.model_validate_json(seal_path(path).read_bytes())
    except (OSError, ValidationError):
        return None


def seal_path(path: Path) -> Path:
    return path.with_name(path.name + SEAL_SUFFIX)
