"""Where the key of a provider is found. It is never shown, nor said in an error."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kanoa_mlops.gateway.burst.allowed import AllowedAddress, AllowedProvider

_HUB_TOKEN = "HF_TOKEN"
"""huggingface_hub's variable; what `hf auth login` is told it keeps in a file, which counts as much."""
_SENDABLE = re.compile(r"[!-~]+")
_OTHERS = stat.S_IRWXO
_GROUP_AND_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True)
class Secrets:
    environment: Mapping[str, str]
    hub_token_file: Path | None = None
    """Where huggingface_hub keeps the person's token."""

    def key_of(self, entry: AllowedProvider | AllowedAddress, usual: str | None) -> str:
        """
        Args:
            usual: the variable where people keep it, by custom.

        Raises:
            SettingsError: there is none, it cannot be read, or others can read it; names the entry's place.
        """
        if entry.key_file is not None:
            return _read(entry, entry.folder / entry.key_file.expanduser())
        variable = entry.key_variable or usual
        field = "key_variable" if entry.key_variable else ""
        if variable is None:
            raise entry.mistake("", "there is no key.", "Add key_file, or key_variable.")
        text = self.environment.get(variable, "").strip() or self._hub_token(variable)
        if not text:
            raise entry.mistake(
                field,
                f"there is no key: {variable} is not set.",
                f"Set {variable} where the gateway runs, or put the key in a file and name it as key_file.",
            )
        return _checked(entry, field, text)

    def _hub_token(self, variable: str) -> str:
        if variable != _HUB_TOKEN or self.hub_token_file is None:
            return ""
        try:
            return self.hub_token_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return ""


def _read(entry: AllowedProvider | AllowedAddress, path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            state = os.fstat(file.fileno())
            # Kubernetes mounts a secret as root's and lets its group read it, as nobody else then could.
            forbidden = _GROUP_AND_OTHERS if state.st_uid == os.getuid() else _OTHERS
            if state.st_mode & forbidden:
                raise entry.mistake("key_file", f"others can read {path}.", f"Run `chmod 600 {path}`.")
            text = file.read().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise entry.mistake("key_file", f"{path} cannot be read: {why}.") from None
    if not text:
        raise entry.mistake("key_file", f"{path} is empty.", "It holds the key, and nothing else.")
    return _checked(entry, "key_file", text)


def _checked(entry: AllowedProvider | AllowedAddress, field: str, text: str) -> str:
    if not _SENDABLE.fullmatch(text):
        raise entry.mistake(field, "what is there is no key: it has spaces, line ends or other letters.")
    return text
