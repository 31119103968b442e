"""Log files: opened fresh by each start, with the one before kept beside."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

_POLL_SECONDS = 0.2


def rotate(path: Path) -> None:
    """Move a log out of the way, keeping one generation."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        path.replace(path.with_suffix(path.suffix + ".1"))


def tail(path: Path, lines: int, since: int = 0) -> list[str]:
    """The last lines of a log, from byte `since` on; empty where there is none.

    Of a long one only the end is read.
    """
    length = lines * 400
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            while lines:
                begin = file.seek(max(since, size - length))
                text = file.read().decode("utf-8", errors="replace")
                # One more than are wanted: where it begins in the middle of a line, that is left out.
                if begin == since or len(text.splitlines()) > lines:
                    return text.splitlines()[-lines:]
                length *= 4
    except OSError:
        pass
    return []


def follow(paths: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    """Lines as they are written to any of the logs, from now on, for ever. Survives rotation."""
    offsets = {path: _size(path) for path in paths}
    while True:
        for path, offset in offsets.items():
            if (size := _size(path)) < offset:
                offset = 0
            if size > offset:
                with path.open("rb") as file:
                    file.seek(offset)
                    text = file.read()
                whole = text[: text.rfind(b"\n") + 1]
                offset += len(whole)
                for line in whole.decode("utf-8", errors="replace").splitlines():
                    yield path, line
            offsets[path] = offset
        time.sleep(_POLL_SECONDS)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
