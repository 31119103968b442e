"""Where the key of a store is found. It is never shown, nor said in an error."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_SENDABLE = re.compile(r"[!-~]+")


@dataclass(frozen=True)
class Secret:
    text: str = field(default="", repr=False)
    why: str = ""
    """It cannot be had; '' where it can."""
    hint: str = ""


def secret(environment: Mapping[str, str], variable: str | None, file: Path | None) -> Secret:
    """Of the file, else of the variable; empty where neither is named."""
    if file is not None:
        return _read(file)
    if variable is None:
        return Secret()
    text = environment.get(variable, "").strip()
    if not text:
        hint = f"Set {variable} where this runs, or name a file that holds the key."
        return Secret(why=f"there is no key: {variable} is not set.", hint=hint)
    return _checked(text, variable)


def _read(path: Path) -> Secret:
    try:
        with path.open(encoding="utf-8") as file:
            state = os.fstat(file.fileno())
            # Kubernetes mounts a secret as root's and lets its group read it, as nobody else then could.
            others = stat.S_IRWXO | (stat.S_IRWXG if state.st_uid == os.getuid() else 0)
            if state.st_mode & others:
                return Secret(why=f"others can read {path}.", hint=f"Run `chmod 600 {path}`.")
            text = file.read().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        return Secret(why=f"{path} cannot be read: {reason}.")
    if not text:
        return Secret(why=f"{path} is empty.", hint="It holds the key, and nothing else.")
    return _checked(text, str(path))


def _checked(text: str, where: str) -> Secret:
    if not _SENDABLE.fullmatch(text):
        return Secret(why=f"what {where} holds is no key: it has spaces, line ends or other letters.")
    return Secret(text)
