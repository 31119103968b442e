"""A seal says that a file was verified, so that it need not be read again while it stays untouched."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from kanoa_mlops.weights.sharing import hand_on


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
    try:
        seal = Seal.model_validate_json(seal_path(path).read_bytes())
    except (OSError, ValidationError):
        return False
    return seal == Seal.of(path, sha256)


def seal_path(path: Path) -> Path:
    return path.with_name(path.name + ".verified")
