"""One server a port: a lock the system frees however its holder ends."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from filelock import FileLock, Timeout

from kanoa_mlops.errors import UserError
from kanoa_mlops.runtime.state import ServerFolder

# Longer than anybody's look whether it is held, far shorter than a server lives.
_PATIENCE_SECONDS = 0.5


class ServerLocked(UserError):
    """Another process is the server of this port, or becomes it."""


@contextlib.contextmanager
def server_lock(folder: ServerFolder) -> Iterator[None]:
    """Held for as long as a server lives.

    Raises:
        ServerLocked: another process holds it.
    """
    folder.path.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.lock)
    try:
        lock.acquire(timeout=_PATIENCE_SECONDS)
    except Timeout as error:
        raise ServerLocked(f"Another server is starting or running on port {folder.path.name}.") from error
    try:
        yield
    finally:
        lock.release()


def is_locked(folder: ServerFolder) -> bool:
    """Whether a server lives, or is starting, on this port."""
    if not folder.lock.exists():
        return False
    try:
        with FileLock(folder.lock, timeout=0):
            return False
    except Timeout:
        return True
