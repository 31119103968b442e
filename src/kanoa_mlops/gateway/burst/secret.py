"""Where the key of a provider is found. It is never shown, nor said in an error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kanoa_mlops.gateway.burst.allowed import AllowedAddress, AllowedProvider
from kanoa_mlops.secret import Secret, checked, read_secret

_HUB_TOKEN = "HF_TOKEN"
"""huggingface_hub's variable; what `hf auth login` is told it keeps in a file, which counts as much."""
_WHAT = "what is there"


@dataclass(frozen=True)
class Secrets:
    environment: Mapping[str, str] = field(repr=False)
    hub_token_file: Path | None = None
    """Where huggingface_hub keeps the person's token."""

    def key_of(self, entry: AllowedProvider | AllowedAddress, usual: str | None) -> str:
        """
        Args:
            usual: the variable where people keep it, by custom.

        Raises:
            SettingsError: there is none, it cannot be read, or others can read it; names the entry's place.
        """
        found = self.look(entry, usual)
        if found.why:
            raise entry.mistake(_at(entry), found.why, found.hint)
        return found.text

    def look(self, entry: AllowedProvider | AllowedAddress, usual: str | None) -> Secret:
        """As `key_of`, and says what is wrong."""
        if entry.key_file is not None:
            return read_secret(entry.folder / entry.key_file.expanduser(), _WHAT)
        variable = entry.key_variable or usual
        if variable is None:
            return Secret(why="there is no key.", hint="Add key_file, or key_variable.")
        text = self.environment.get(variable, "").strip() or self._hub_token(variable)
        if not text:
            # For whoever writes the file, and for whoever has `burst allow` write it.
            named = "name a file that holds the key, by key_file or --key-file"
            hint = f"Set {variable} where the gateway runs, or {named}."
            return Secret(why=f"there is no key: {variable} is not set.", hint=hint)
        return checked(text, _WHAT)

    def _hub_token(self, variable: str) -> str:
        if variable != _HUB_TOKEN or self.hub_token_file is None:
            return ""
        try:
            return self.hub_token_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return ""


def _at(entry: AllowedProvider | AllowedAddress) -> str:
    """The field that says where the key is; '' where none does."""
    if entry.key_file is not None:
        return "key_file"
    return "key_variable" if entry.key_variable else ""
