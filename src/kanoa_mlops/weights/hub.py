"""The Hugging Face hub, and the cache its own tools keep on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from kanoa_mlops.catalog.types import HubFile, WeightFile
from kanoa_mlops.settings import Settings
from kanoa_mlops.weights.access import refused
from kanoa_mlops.weights.download import Remote
from kanoa_mlops.weights.hub_home import hub_address


def hub_remote(
    hub: HubFile, settings: Settings, *, name: str, size: int, sha256: str = "", git_blob: str = ""
) -> Remote:
    """
    Args:
        git_blob: stands for the sha256 where none is known.

    Raises:
        SettingsError: the token cannot be a token, or the hub's address is none.
    """
    return Remote(
        name=name,
        source=f"Hugging Face {hub.repo}",
        address=hub_address(f"{hub.repo}/resolve/{hub.revision}/{quote(hub.path)}", settings),
        size=size,
        sha256=sha256,
        git_blob=git_blob,
        refused=refused(hub.repo, settings),
    )


def cached_copies(file: WeightFile, settings: Settings) -> Iterator[Path]:
    """Files of the hub's cache that may be this one; their bytes are not looked at."""
    for origin in file.origins:
        if origin.hub is not None:
            yield from hub_copies(origin.hub, file.sha256, settings)


def hub_copies(hub: HubFile, sha256: str | None, settings: Settings) -> Iterator[Path]:
    """The same for a file of the hub."""
    # A blob is stored by its checksum, whatever commit it came with.
    blob = [_cache_folder(hub.repo, settings) / "blobs" / sha256] if sha256 else []
    yield from (path for path in (*blob, cached_path(hub, settings)) if _is_file(path))


def cached_path(hub: HubFile, settings: Settings) -> Path:
    """Where the hub's own tools would keep it."""
    return _cache_folder(hub.repo, settings) / "snapshots" / hub.revision / hub.path


def _cache_folder(repo: str, settings: Settings) -> Path:
    return settings.hub_cache / f"models--{repo.replace('/', '--')}"


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False  # in a cache that another user closed
