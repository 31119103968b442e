"""One at a time, over processes. The system lets go of a lock when its holder dies, however it dies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from kanoa_mlops.weights.disk import disk_errors
from kanoa_mlops.weights.progress import Progress
from kanoa_mlops.weights.sharing import LOCK_MODE, is_shared, make_folder


@contextmanager
def holding(path: Path, what: str, progress: Progress) -> Iterator[None]:
    """Hold the lock; when another process has it, say so and wait.

    Raises:
        UserError: the lock's folder cannot be written.
    """
    with disk_errors(path):
        lock = _lock(path)
        if not _try(lock):
            progress.note(f"Another process is fetching {what}; waiting for it.")
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def holding_if_free(path: Path) -> Iterator[bool]:
    """Hold the lock and give True, or give False at once."""
    with disk_errors(path):
        lock = _lock(path)
        held = _try(lock)
    try:
        yield held
    finally:
        lock.release()


def _lock(path: Path) -> FileLock:
    make_folder(path.parent)
    return FileLock(path, mode=LOCK_MODE) if is_shared(path.parent) else FileLock(path)


def _try(lock: FileLock) -> bool:
    # Timeout is an OSError as well: it must not reach the translation of disk errors.
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    return True
