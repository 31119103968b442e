"""When weights were last used, and whether they are now, by anybody who shares the cache.

Whoever serves weights holds a shared lock on their folder. It lies in the system, not in a file: it ends with
its holder however that ends, and who may only read the folder can hold it as well.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from kanoa_mlops.weights.sharing import hand_on

MARK_NAME = "last-used"
"""An empty file in the folder; its time is that of the last use."""


@contextmanager
def in_use(folders: Iterable[Path]) -> Iterator[None]:
    """Marked, and not to be removed while this lasts. What cannot be marked or held is used all the same."""
    with ExitStack() as stack:
        for folder in dict.fromkeys(folders):
            stack.enter_context(_held(folder))
        yield


@contextmanager
def unused(folder: Path) -> Iterator[bool | None]:
    """True, and nobody begins to use it meanwhile; False where somebody does; None where none can tell.

    A network disk may know no locks on folders.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        yield True
        return
    except OSError:
        yield None
        return
    try:
        yield _try(descriptor)
    finally:
        os.close(descriptor)


def mark_used(folder: Path) -> None:
    """Now. In a cache that cannot be written nothing is marked."""
    if not folder.is_dir():
        return  # what Ollama keeps has none
    mark = folder / MARK_NAME
    with suppress(OSError):
        mark.touch()
        hand_on(mark)


def last_used(folder: Path) -> float | None:
    """Seconds since the epoch; of what was never served, when its last file came. None if it is empty."""
    came = (time for path in folder.rglob("*") if (time := _changed(path)) is not None)
    return _changed(folder / MARK_NAME) or max(came, default=None)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    mark_used(folder)
    descriptor = -1
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_SH)  # waits for who is removing it; then it is gone
    try:
        yield
    finally:
        # A server may live for weeks.
        mark_used(folder)
        if descriptor >= 0:
            os.close(descriptor)


def _try(descriptor: int) -> bool | None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _changed(path: Path) -> float | None:
    try:
        return path.lstat().st_mtime
    except OSError:
        return None
