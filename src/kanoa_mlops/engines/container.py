"""The walls around an engine that does not run as a process of this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kanoa_mlops.catalog.types import Vendor

PORT = 8000
"""An engine's inside its container."""
KEY = "/run/secrets/engine-key"
WEIGHTS = "/weights"
STORE = "/store"


@dataclass(frozen=True)
class Mount:
    """A file or folder of this machine, shown inside."""

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True)
class Container:
    """Docker's and Podman's common ground; how either is told is up to who starts it."""

    image: str
    """A whole reference: registry, name, tag and, where known, digest."""
    mounts: tuple[Mount, ...]
    port: int = PORT
    """That the engine listens on inside."""
    graphics: Vendor | None = None
    """Whose graphics processors it is handed; all of them."""
    runtime: str = ""
    """A runtime to name; '' for the usual one."""
    devices: tuple[str, ...] = ()
    """Device nodes it opens."""
    shared_memory: int | None = None
    """Bytes of /dev/shm; None for the runtime's own default."""
