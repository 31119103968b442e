"""The bearer key between the gateway and one engine: made at each start, readable by this user alone."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write_key(path: Path) -> str:
    """Make a key, put it into a file of mode 0600, and give it."""
    key = secrets.token_urlsafe(32)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    # Created with its mode, so that there is no moment in which others may read it.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(key)
    return key
