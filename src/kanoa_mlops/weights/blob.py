"""Git's name for the content of a file: all that a hub knows of the small files it keeps in Git itself."""

from __future__ import annotations

import hashlib
from pathlib import Path

_CHUNK = 2**20


def git_blob(path: Path) -> str:
    """40 hexadecimal digits, as `git hash-object` prints them.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
