"""Where the key of a provider is found. It is never shown, nor said in an error."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kanoa_mlops.gateway.burst.allowed import AllowedAddress, AllowedProvider

_HUB_TOKEN = "HF_TOKEN"
"""huggingface_hub's variable; what `hf auth login` is told it keeps in a file, which counts as much."""
_SENDABLE = re.compile(r"[!-~]+")
_OTHERS = stat.S_IRWXO
_GROUP_AND_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True)
class Sought:
    key: str = field(default="", repr=False)
    why: str = ""
    """There is none; '' where there is."""
    hint: str = ""
    at: str = ""
    """The field of the entry that is to blame; '' where it has none."""


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
            raise entry.mistake(found.at, found.why, found.hint)
        return found.key

    def look(self, entry: AllowedProvider | AllowedAddress, usual: str | None) -> Sought:
        """As `key_of`, and says what is wrong."""
        if entry.key_file is not None:
            return _read(entry.folder / entry.key_file.expanduser())
        variable, at = entry.key_variable or usual, "key_variable" if entry.key_variable else ""
        if variable is None:
            return Sought(why="there is no key.", hint="Add key_file, or key_variable.")
        text = self.environment.get(variable, "").strip() or self._hub_token(variable)
        if not text:
            hint = f"Set {variable} where the gateway runs, or put the key in a file and name it as key_file."
            return Sought(why=f"there is no key: {variable} is not set.", hint=hint, at=at)
        return _checked(text, at)

    def _hub_token(self, variable: str) -> str:
        if variable != _HUB_TOKEN or self.hub_token_file is None:
            return ""
        try:
            return self.hub_token_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return ""


def _read(path: Path) -> Sought:
    try:
        with path.open(encoding="utf-8") as file:
            state = os.fstat(file.fileno())
            # Kubernetes mounts a secret as root's and lets its group read it, as nobody else then could.
            forbidden = _GROUP_AND_OTHERS if state.st_uid == os.getuid() else _OTHERS
            if state.st_mode & forbidden:
                return Sought(why=f"others can read {path}.", hint=f"Run `chmod 600 {path}`.", at="key_file")
            text = file.read().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        return Sought(why=f"{path} cannot be read: {reason}.", at="key_file")
    if not text:
        return Sought(why=f"{path} is empty.", hint="It holds the key, and nothing else.", at="key_file")
    return _checked(text, "key_file")


def _checked(text: str, at: str) -> Sought:
    if not _SENDABLE.fullmatch(text):
        return Sought(why="what is there is no key: it has spaces, line ends or other letters.", at=at)
    return Sought(text)
