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


def hub_remote(file: WeightFile, hub: HubFile, settings: Settings) -> Remote:
    """
    Raises:
        SettingsError: the token cannot be a token, or the hub's address is none.
    """
    home = Address.parse(settings.hub_url.rstrip("/"))
    page = Address(f"{home.url}/{hub.repo}", home.authorization or _bearer(settings.hub_token_file))
    address = Address(f"{page.url}/resolve/{hub.revision}/{quote(hub.path)}", page.authorization)
    return Remote(
        name=file.name,
        source=f"Hugging Face {hub.repo}",
        address=address,
        size=file.size,
        sha256=file.sha256,
        if_refused=f"Accept the licence at {page}, then run `hf auth login`: "
        f"it keeps your token in {settings.hub_token_file}, where it is read.",
    )


def cached_copies(file: WeightFile, settings: Settings) -> Iterator[Path]:
    """Files of the hub's cache that may be this one; their bytes are not looked at."""
    for origin in file.origins:
        if origin.hub is None:
            continue
        folder = settings.hub_cache / f"models--{origin.hub.repo.replace('/', '--')}"
        snapshot = folder / "snapshots" / origin.hub.revision / origin.hub.path
        # A blob is stored by its checksum, whatever commit it came with.
        yield from (path for path in (folder / "blobs" / file.sha256, snapshot) if _is_file(path))


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
