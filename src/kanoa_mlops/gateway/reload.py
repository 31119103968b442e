"""Follows a file while the gateway runs: what was written well is taken up, what was not is told and left."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from kanoa_mlops.errors import KanoaError

log = logging.getLogger(__name__)

_Value = TypeVar("_Value")
Stamp = tuple[int, ...] | None
"""Which state of a file this is; None where there is none."""


def stamp(path: Path) -> Stamp:
    """Follows links: Kubernetes changes a ConfigMap by turning one, most editors a file by a rename."""
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size, state.st_ino, state.st_dev


async def reloading(
    path: Path,
    read: Callable[[Path], _Value],
    apply: Callable[[_Value], Awaitable[None] | None],
    every: float = 1.0,
    *,
    since: Stamp = (),
) -> None:
    """Apply what the file holds each time that it changes, until cancelled. No wrong file ends it.

    A change is taken up when the file stood still from one look to the next: who writes slowly is waited for.
    What could not be read is tried again at each look, as the fault may be elsewhere, in the file of a key.

    Args:
        read: is called in a thread. Raises KanoaError where the file is wrong, naming its line.
        apply: is called in the loop.
        every: seconds between two looks.
        since: the `stamp` of the file from before it was first read; as it comes, that of now.
    """
    known = before = stamp(path) if since == () else since
    complaint = ""
    while True:
        await asyncio.sleep(every)
        now = stamp(path)
        still, before = now == before, now
        if not still or (now == known and not complaint):
            continue
        changed, told = now != known, complaint
        known, complaint = now, await _reload(path, read, apply)
        if complaint and (changed or complaint != told):
            log.warning("%s What ran before is kept.", complaint)


async def _reload(
    path: Path, read: Callable[[Path], _Value], apply: Callable[[_Value], Awaitable[None] | None]
) -> str:
    """What is wrong; '' where it was applied."""
    try:
        value = await asyncio.to_thread(read, path)
        applied = apply(value)
        if inspect.isawaitable(applied):
            await applied
    except KanoaError as error:
        return f"{error.message} {error.hint}".strip()
    except Exception as error:
        # Ours to mend; the gateway goes on all the same.
        log.exception("%s could not be taken up", path)
        return f"{path}: {type(error).__name__}."
    log.info("%s was read again", path)
    return ""
