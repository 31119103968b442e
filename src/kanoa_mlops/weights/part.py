"""A file that grows until it is whole."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kanoa_mlops.settings import Settings
from kanoa_mlops.weights.disk import disk_errors
from kanoa_mlops.weights.lock import holding
from kanoa_mlops.weights.place import part_lock, part_path
from kanoa_mlops.weights.progress import Progress
from kanoa_mlops.weights.sharing import hand_on, make_folder


@contextmanager
def open_part(settings: Settings, sha256: str, what: str, progress: Progress) -> Iterator[Part]:
    """The part of the thing with this checksum, with what is in it from earlier; ours alone meanwhile.

    Whatever ends the block, what was appended stays on disk, to go on from; of nothing, nothing stays.

    Raises:
        DiskFull, UserError: it cannot be opened.
    """
    path = part_path(settings, sha256)
    with holding(part_lock(settings, sha256), what, progress):
        with disk_errors(path):
            make_folder(path.parent)
            stream = path.open("a+b", buffering=0)
            hand_on(path)
        with stream:
            part = Part(path, stream)
            try:
                yield part
            finally:
                if not part.size:
                    part.discard()


class Part:
    """Bytes so far, and their checksum, which is kept while writing so that nothing is read twice."""

    def __init__(self, path: Path, stream: io.FileIO) -> None:
        self.path = path
        self._stream = stream
        with disk_errors(path):
            stream.seek(0)
            self._digest = hashlib.file_digest(stream, "sha256")
            self.size = stream.tell()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def append(self, data: bytes) -> None:
        """Unbuffered: what this process wrote survives its death.

        Raises:
            DiskFull: what fitted is kept.
        """
        rest = memoryview(data)
        while rest:
            with disk_errors(self.path):
                count = self._stream.write(rest)
            self._digest.update(rest[:count])
            self.size += count
            rest = rest[count:]

    def restart(self) -> None:
        """Empty again."""
        with disk_errors(self.path):
            self._stream.truncate(0)
        self._digest = hashlib.sha256()
        self.size = 0

    def become(self, target: Path) -> None:
        """The finished file, in one step: nobody ever sees half of it under this name."""
        with disk_errors(target):
            # Else a power cut after the rename could leave a hole under a name that says verified.
            os.fsync(self._stream.fileno())
            make_folder(target.parent)
            self.path.replace(target)

    def discard(self) -> None:
        with disk_errors(self.path):
            self.path.unlink(missing_ok=True)
