"""A server in the background: started as a session of its own, followed until it is ready."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.errors import ServerDied
from kanoa_mlops.runtime.lock import is_locked
from kanoa_mlops.runtime.logs import tail
from kanoa_mlops.runtime.state import ServerFolder, ServerRecord, Standing
from kanoa_mlops.settings import Settings

_POLL_SECONDS = 0.1
_LAST_LINES = 10


def start_detached(
    screen: Screen, settings: Settings, folder: ServerFolder, command: tuple[str, ...]
) -> ServerRecord:
    """Start `serve` with these arguments in the background and wait until it is ready.

    Raises:
        ServerDied: it ended before; carries why.
    """
    offline = ("--offline",) if settings.offline else ()
    folder.path.mkdir(parents=True, exist_ok=True)
    with folder.console.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "kanoa_mlops", "serve", *command, *offline],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # Out of reach of this terminal's Ctrl-C and of its closing.
            start_new_session=True,
        )
    try:
        record = follow_start(screen, folder, lives=lambda: process.poll() is None)
        if record.identity.pid != process.pid:
            process.wait()  # somebody else was first; ours sees that and ends
        return record
    except KeyboardInterrupt:
        # Whoever no longer wants to wait for a server does not want the server.
        process.terminate()
        process.wait()
        raise


def follow_start(
    screen: Screen, folder: ServerFolder, lives: Callable[[], bool] | None = None
) -> ServerRecord:
    """Wait for a server that somebody is starting.

    Args:
        lives: whether whoever starts it is still at it; by default, whether the lock is held.

    Raises:
        ServerDied: it ended before it was ready; carries why.
    """
    lives = lives or (lambda: is_locked(folder))
    began, before = time.monotonic(), folder.read()
    with screen.err.status("Starting …") as spinner:
        while True:
            over = not lives()  # asked before the record is read, so that its last word is not missed
            record = folder.read()
            if record and record.ready and record.standing is Standing.RUNNING:
                return record
            if over:
                raise _death(folder, record if record != before else None)
            spinner.update(f"{_doing(record)} … {time.monotonic() - began:.0f} s")
            time.sleep(_POLL_SECONDS)


def _doing(record: ServerRecord | None) -> str:
    loading = [each.model for each in record.engines if each.state != "ready"] if record else []
    return f"Loading {', '.join(loading)}" if loading else "Starting"


def _death(folder: ServerFolder, record: ServerRecord | None) -> ServerDied:
    if record and record.failure:
        return ServerDied(record.failure, hint=record.hint)
    lines = "\n".join(f"  {line}" for line in tail(folder.console, _LAST_LINES))
    return ServerDied("The server ended before it was ready.", hint=f"It wrote ({folder.console}):\n{lines}")
