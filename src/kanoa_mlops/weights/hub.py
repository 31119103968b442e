"""The Hugging Face hub, and the cache its own tools keep on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from kanoa_mlops.catalog.types import HubFile, WeightFile
from kanoa_mlops.errors import SettingsError
from kanoa_mlops.settings import Settings
from kanoa_mlops.weights.address import Address
from kanoa_mlops.weights.download import Remote


def hub_home(settings: Settings) -> Address:
    """Where the hub is, with the person's token.

    Raises:
        SettingsError: the token cannot be a token, or the hub's address is none.
    """
    home = Address.parse(settings.hub_url.rstrip("/"))
    return Address(home.url, home.authorization or _bearer(settings.hub_token_file))


def hub_remote(
    hub: HubFile, settings: Settings, *, name: str, size: int, sha256: str = "", git_blob: str = ""
) -> Remote:
    """
    Args:
        git_blob: stands for the sha256 where none is known.

    Raises:
        SettingsError: the token cannot be a token, or the hub's address is none.
    """
    home = hub_home(settings)
    url = f"{home.url}/{hub.repo}/resolve/{hub.revision}/{quote(hub.path)}"
    return Remote(
        name=name,
        source=f"Hugging Face {hub.repo}",
        address=Address(url, home.authorization),
        size=size,
        sha256=sha256,
        git_blob=git_blob,
        if_refused=login_hint(hub.repo, settings),
    )


def login_hint(repo: str, settings: Settings) -> str:
    """What to do about a gated repository."""
    page = Address.parse(f"{settings.hub_url.rstrip('/')}/{repo}")
    return (
        f"Accept the licence at {page}, then run `hf auth login`: "
        f"it keeps your token in {settings.hub_token_file}, where it is read."
    )


def cached_copies(file: WeightFile, settings: Settings) -> Iterator[Path]:
    """Files of the hub's cache that may be this one; their bytes are not looked at."""
    for origin in file.origins:
        if origin.hub is None:
            continue
        blobs = _cache_folder(origin.hub.repo, settings) / "blobs"
        # A blob is stored by its checksum, whatever commit it came with.
        yield from (
            path for path in (blobs / file.sha256, cached_path(origin.hub, settings)) if _is_file(path)
        )


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


def _bearer(path: Path) -> str:
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""  # not logged in, as most are
    if not token:
        return ""
    if not token.isascii() or not token.isprintable() or " " in token:
        # Checked here, since the HTTP library would quote a value it dislikes, token and all.
        raise SettingsError(
            f"{path} does not hold a token: one word of plain characters.", hint="Run `hf auth login`."
        )
    return f"Bearer {token}"
