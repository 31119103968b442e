"""Where the hub is, and the person's token for it."""

from __future__ import annotations

from pathlib import Path

from kanoa_mlops.errors import SettingsError
from kanoa_mlops.settings import Settings
from kanoa_mlops.weights.address import Address


def hub_home(settings: Settings) -> Address:
    """
    Raises:
        SettingsError: the token cannot be a token, or the hub's address is none.
    """
    home = Address.parse(settings.hub_url.rstrip("/"))
    return Address(home.url, home.authorization or _bearer(settings.hub_token_file))


def hub_address(path: str, settings: Settings) -> Address:
    """Below the hub's own address.

    Raises:
        SettingsError: as for `hub_home`.
    """
    home = hub_home(settings)
    return Address(f"{home.url}/{path}", home.authorization)


def credentials(settings: Settings) -> str:
    """What the hub is shown, in words without a secret; '' for nothing."""
    scheme = hub_home(settings).authorization.partition(" ")[0]
    told = {"": "", "Basic": "the user and password in `hub_url`"}
    return told.get(scheme, f"the token in {settings.hub_token_file}")


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
