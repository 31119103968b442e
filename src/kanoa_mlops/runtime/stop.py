"""Ending a server from outside, whatever state it is in."""

from __future__ import annotations

from kanoa_mlops.runtime.guard import MOST_SECONDS
from kanoa_mlops.runtime.identity import end
from kanoa_mlops.runtime.state import ServerFolder, ServerRecord

# The server lets answers under way finish for a while before it ends its engines.
_SERVER_GRACE_SECONDS = 20.0


def stop_server(folder: ServerFolder, record: ServerRecord) -> None:
    """End the server, then any engine that outlived it, then forget both. Twice is fine."""
    end([record.identity], _SERVER_GRACE_SECONDS)
    # Read again: an engine may have been started anew since.
    last = folder.read() or record
    end([engine.identity for engine in last.engines if engine.identity], MOST_SECONDS)
    folder.clear()
